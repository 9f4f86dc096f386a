"""Who may decide what, what comes of it, and what the database itself refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from replicas import keyring
from replicas.actions import submit
from replicas.actions.add_records import add_records
from replicas.actions.cancel import cancel_plan, cancel_run
from replicas.actions.reject import reject
from replicas.actions.retry import retry
from replicas.actions.set_credentials import set_credentials
from replicas.actions.setup_dns import setup_dns
from replicas.choices import Decision, PlanState, ReplicaState, RunState
from replicas.errors import Conflict, HostKeyChanged, NotAllowed
from replicas.models import Approval, AuditEvent, Credential, Master, Plan, Replica, Run
from replicas.permissions import Actor
from tests.replicas.services.conftest import KEY, Cast, approve


def test_submitting_freezes_a_plan_and_pins_the_key(plan: Plan) -> None:
    assert plan.state == PlanState.WAITING
    assert plan.replica.state == ReplicaState.REQUESTED
    assert plan.replica.host_key.key == KEY
    assert plan.job["replica"]["host_key"] == KEY
    assert len(plan.digest) == 64
    assert [step["key"] for step in plan.steps]


@pytest.mark.parametrize("role", ["viewer", "approver", "administrator", "outsider"])
def test_only_operators_ask(cast: Cast, wanted: Callable[..., Replica], twin: None, role: str) -> None:
    with pytest.raises(NotAllowed, match="Operator"):
        submit.store(getattr(cast, role), wanted(), KEY)
    assert not Replica.objects.exists()


def test_a_second_request_for_the_same_host_is_refused(cast: Cast, plan: Plan, wanted: Callable[..., Replica]) -> None:
    with pytest.raises(Conflict, match="ipareplica.example.com already"):
        submit.store(cast.operator, wanted(), KEY)
    cancel_plan(cast.operator, plan, "typed wrong")
    assert submit.store(cast.operator, wanted(), KEY).pk != plan.pk


def test_another_host_key_than_the_pinned_one_is_refused(
    cast: Cast, plan: Plan, wanted: Callable[..., Replica]
) -> None:
    cancel_plan(cast.operator, plan, "")
    with pytest.raises(HostKeyChanged, match="SHA256:"):
        submit.store(cast.operator, wanted(), KEY.replace("DPR0", "DPR1"))
    assert Replica.objects.count() == 1


def test_approval_makes_a_run_with_its_steps(
    cast: Cast, plan: Plan, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[int] = []
    monkeypatch.setattr("replicas.actions.approve.execute", queued.append)
    with django_capture_on_commit_callbacks(execute=True):
        run = approve(cast.approver, plan, plan.digest, "needed")
        assert queued == []
    assert queued == [run.pk]
    assert [step.key for step in run.steps.all()] == [step["key"] for step in plan.steps]
    plan.refresh_from_db()
    assert plan.state == PlanState.APPROVED
    assert Replica.objects.get().state == ReplicaState.APPROVED


@pytest.mark.parametrize("role", ["viewer", "operator", "administrator", "outsider"])
@pytest.mark.parametrize("decision", [approve, reject])
def test_only_approvers_decide(cast: Cast, plan: Plan, role: str, decision: Any) -> None:
    with pytest.raises(NotAllowed):
        decision(getattr(cast, role), plan, plan.digest, "because")
    plan.refresh_from_db()
    assert plan.state == PlanState.WAITING


@pytest.mark.parametrize("decision", [approve, reject])
def test_nobody_decides_on_an_own_request(cast: Cast, plan: Plan, decision: Any) -> None:
    assert cast.operator.user
    cast.operator.user.groups.add(Group.objects.get(name="approver"))
    both = Actor(type(cast.operator.user).objects.get(pk=cast.operator.user.pk))
    with pytest.raises(NotAllowed, match="request of their own"):
        decision(both, plan, plan.digest, "mine")


def test_not_even_a_superuser(cast: Cast, wanted: Callable[..., Replica], twin: None) -> None:
    plan = submit.store(cast.root, wanted(), KEY)
    with pytest.raises(NotAllowed, match="request of their own"):
        approve(cast.root, plan, plan.digest, "mine")
    approve(cast.approver, plan, plan.digest, "not mine")


def test_the_database_refuses_an_own_approval(cast: Cast, plan: Plan) -> None:
    assert cast.operator.user
    with pytest.raises(IntegrityError, match="approval_never_of_own_request"), transaction.atomic():
        Approval.objects.create(
            plan=plan,
            digest=plan.digest,
            requester=cast.operator.user,
            approver=cast.operator.user,
            decision=Decision.APPROVE,
        )


def test_an_approval_is_for_the_digest_that_was_seen(cast: Cast, plan: Plan) -> None:
    with pytest.raises(Conflict, match="not the one that you were looking at"):
        approve(cast.approver, plan, "0" * 64, "fine")
    assert not Run.objects.exists()


def test_a_plan_is_decided_once(cast: Cast, plan: Plan) -> None:
    stale = Plan.objects.get(pk=plan.pk)
    reject(cast.approver, plan, plan.digest, "no")
    assert Replica.objects.get().state == ReplicaState.REJECTED
    with pytest.raises(Conflict), transaction.atomic():
        approve(cast.root, stale, stale.digest, "yes")
    assert not Run.objects.exists()


def test_retry_takes_a_stopped_run_only(cast: Cast, plan: Plan) -> None:
    run = approve(cast.approver, plan, plan.digest, "go")
    with pytest.raises(Conflict):
        retry(cast.operator, run)
    Run.objects.update(state=RunState.FAILED, error="no")
    Replica.objects.update(state=ReplicaState.FAILED)
    run.refresh_from_db()
    run.plan.replica.refresh_from_db()
    retry(cast.operator, run, "cause is gone")
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error) == (RunState.QUEUED, 2, "")


def test_cancelling_a_run_asks_its_worker(cast: Cast, plan: Plan) -> None:
    run = approve(cast.approver, plan, plan.digest, "go")
    cancel_run(cast.operator, run, "wrong day")
    run.refresh_from_db()
    assert run.cancel_requested_by == "operator"
    Run.objects.update(state=RunState.SUCCEEDED)
    run.refresh_from_db()
    with pytest.raises(Conflict, match="has ended"):
        cancel_run(cast.operator, run, "too late")


@pytest.mark.parametrize("ask", [add_records, lambda actor, replica: setup_dns(actor, replica, no_forwarders=True)])
def test_later_actions_want_a_verified_replica(cast: Cast, plan: Plan, ask: Any) -> None:
    with pytest.raises(Conflict):
        ask(cast.operator, plan.replica)
    Plan.objects.update(state=PlanState.APPROVED)
    Replica.objects.update(state=ReplicaState.VERIFIED)
    replica = Replica.objects.get()
    later = ask(cast.operator, replica)
    assert later.state == PlanState.WAITING
    with pytest.raises(Conflict, match="waiting for its approval"):
        ask(cast.operator, replica)


def test_passwords_are_stored_encrypted(cast: Cast, master: Master, settings: Any, tmp_path: Any) -> None:
    settings.SECRET_KEYS_FILE = tmp_path / "keys"
    with pytest.raises(NotAllowed):
        set_credentials(cast.operator, master.realm, {"admin": "correct-horse"})
    set_credentials(cast.administrator, master.realm, {"admin": "correct-horse", "directory_manager": ""})
    stored = Credential.objects.get()
    assert b"correct-horse" not in bytes(stored.ciphertext)
    assert keyring.unseal(stored) == "correct-horse"
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0


def test_every_decision_is_in_the_history(cast: Cast, plan: Plan) -> None:
    reject(cast.approver, plan, plan.digest, "not this week")
    events = list(AuditEvent.objects.order_by("pk").values_list("actor", "verb", "address"))
    assert events == [
        ("operator", "replica:request", "192.0.2.77"),
        ("operator", "plan:submit", "192.0.2.77"),
        ("approver", "plan:reject", "192.0.2.77"),
    ]
    assert AuditEvent.objects.get(verb="plan:reject").reason == "not this week"

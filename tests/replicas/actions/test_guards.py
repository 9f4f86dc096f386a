"""Who comes second is told; who decides says why; what changed since is not decided on."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from replicas.actions import host_keys, submit
from replicas.actions.add_records import add_records
from replicas.actions.cancel import cancel_plan, cancel_run
from replicas.actions.reject import reject
from replicas.actions.retry import retry
from replicas.choices import PlanState, ReplicaState, RunState
from replicas.clients import ssh
from replicas.errors import Conflict, HostUnreachable
from replicas.models import Approval, AuditEvent, HostKey, Plan, Replica, Run
from tests.replicas.services.conftest import KEY, Cast, approve

OTHER_KEY = KEY.replace("DPR0", "DPR1")


@pytest.mark.parametrize("second", [approve, reject])
def test_the_same_approver_twice_at_once(cast: Cast, plan: Plan, second: Any) -> None:
    stale = Plan.objects.get(pk=plan.pk)
    approve(cast.approver, plan, plan.digest, "needed")
    Run.objects.update(state=RunState.CANCELLED)
    with pytest.raises(Conflict, match="in the meantime"):
        second(cast.approver, stale, stale.digest, "needed")
    assert Approval.objects.count() == 1


@pytest.mark.parametrize("decide", [approve, reject])
def test_a_decision_has_a_reason(cast: Cast, plan: Plan, decide: Any) -> None:
    with pytest.raises(ValidationError, match="Say why"):
        decide(cast.approver, plan, plan.digest, "  ")


def test_a_plan_that_was_changed_behind_its_digest_is_not_approved(cast: Cast, plan: Plan) -> None:
    plan.job["replica"]["address"] = "192.0.2.66"
    Plan.objects.update(job=plan.job)
    with pytest.raises(Conflict, match="not the one"):
        approve(cast.approver, Plan.objects.get(), plan.digest, "looks fine")


def test_no_plan_is_submitted_while_a_run_waits_or_works(cast: Cast, plan: Plan) -> None:
    """A draft of it was opened before."""
    approve(cast.approver, plan, plan.digest, "needed")
    Run.objects.update(state=RunState.SUCCEEDED)
    Replica.objects.update(state=ReplicaState.VERIFIED)
    later = add_records(cast.operator, Replica.objects.get())
    approve(cast.approver, later, later.digest, "needed")
    with pytest.raises(Conflict, match=r"Another run is working on .*: Add missing DNS records \(Queued\)"):
        add_records(cast.root, Replica.objects.get())
    assert not Plan.objects.filter(state=PlanState.WAITING).exists()


def test_one_run_at_a_time_on_a_host(cast: Cast, plan: Plan) -> None:
    install = approve(cast.approver, plan, plan.digest, "needed")
    Run.objects.update(state=RunState.SUCCEEDED)
    Replica.objects.update(state=ReplicaState.VERIFIED)
    later = add_records(cast.operator, Replica.objects.get())
    Run.objects.update(state=RunState.RUNNING)
    with pytest.raises(Conflict, match="Another run"):
        approve(cast.approver, later, later.digest, "needed")
    Run.objects.update(state=RunState.FAILED)
    run = approve(cast.approver, later, later.digest, "needed")
    install.refresh_from_db()
    with pytest.raises(Conflict, match="Another run"):
        retry(cast.operator, install)
    assert run.state == RunState.QUEUED


def test_a_run_is_cancelled_once(cast: Cast, plan: Plan) -> None:
    run = approve(cast.approver, plan, plan.digest, "needed")
    cancel_run(cast.operator, run, "wrong day")
    with pytest.raises(Conflict):
        cancel_run(cast.administrator, run, "wrong day")
    cancel_run(cast.administrator, run, "not even this step", now=True)
    run.refresh_from_db()
    assert (run.cancel_requested_by, run.cancel_now) == ("administrator", True)
    with pytest.raises(Conflict):
        cancel_run(cast.administrator, run, "now", now=True)


def test_states_before_and_after_are_in_the_history(cast: Cast, plan: Plan) -> None:
    stale = Plan.objects.get(pk=plan.pk)
    cancel_plan(cast.operator, plan, "typed wrong")
    event = AuditEvent.objects.get(verb="plan:cancel")
    assert (event.before, event.after) == ({"state": PlanState.WAITING}, {"state": PlanState.CANCELLED})
    with pytest.raises(Conflict):
        cancel_plan(cast.operator, stale, "typed wrong")


def test_a_wrong_request_never_reaches_the_host(cast: Cast, wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(address: str, port: int) -> str:
        raise HostUnreachable("nobody is there")

    monkeypatch.setattr(host_keys, "fetch", fetch)
    with pytest.raises(ValidationError, match="lower-case"):
        submit.submit(cast.operator, wanted("IPA.example.com"))
    with pytest.raises(HostUnreachable):
        submit.submit(cast.operator, wanted())
    assert not Replica.objects.exists()
    assert not AuditEvent.objects.exists()


def test_names_in_use_are_refused(cast: Cast, plan: Plan, wanted: Any) -> None:
    for name, why in (("ipareplica.example.com", "already"), ("ipaserver2.example.com", "registered master")):
        if "master" in why:
            master = plan.replica.master
            key = HostKey.objects.create(hostname=name, key=KEY, fingerprint="SHA256:z")
            type(master).objects.create(
                realm=master.realm, hostname=name, ssh_address="192.0.2.12", host_key=key, ca=False
            )
        with pytest.raises(Conflict, match=why):
            submit.store(cast.operator, wanted(name, ssh_address="192.0.2.13"), KEY)


def test_another_host_key_is_accepted_with_a_reason(cast: Cast, plan: Plan) -> None:
    known, shown = plan.replica.host_key, ssh.fingerprint(OTHER_KEY)
    with pytest.raises(ValidationError, match="Say why"):
        host_keys.accept(cast.administrator, known, OTHER_KEY, shown, " ")
    with pytest.raises(Conflict, match="another key than the one that you compared"):
        host_keys.accept(cast.administrator, known, OTHER_KEY, ssh.fingerprint(KEY), "reinstalled")
    before = known.fingerprint
    host_keys.accept(cast.administrator, known, OTHER_KEY, shown, "reinstalled")
    assert HostKey.objects.get(pk=known.pk).key == OTHER_KEY
    event = AuditEvent.objects.filter(verb="hostkey:accept").latest("pk")
    assert (event.before, event.after) == ({"fingerprint": before}, {"fingerprint": shown, "compared": "confirmed"})
    plan.refresh_from_db()
    assert plan.state == PlanState.VOID
    assert "another address or host key" in AuditEvent.objects.get(verb="plan:void").reason
    known.fingerprint = before
    with pytest.raises(Conflict, match="in the meantime"):
        host_keys.accept(cast.administrator, known, OTHER_KEY, shown, "reinstalled")

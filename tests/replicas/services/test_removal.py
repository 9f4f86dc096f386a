"""Undo, removal and asking again: who may, when, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from replicas.actions import resubmit as resubmitting
from replicas.actions import submit
from replicas.actions.cancel import cancel_plan
from replicas.actions.reject import reject
from replicas.actions.retry import retry
from replicas.actions.undo import remove, undo
from replicas.choices import REPLICA_ENDED, REPLICA_UNFINISHED, PlanState, ReplicaState, RunState
from replicas.errors import Conflict, HostKeyChanged, NotAllowed
from replicas.models import AuditEvent, HostKey, Master, Plan, Replica, Run
from tests.replicas.identity import host_key
from tests.replicas.services.conftest import KEY, Cast, approve

OTHER_KEY = host_key("ipareplica2.example.com")


@pytest.fixture
def stopped(cast: Cast, plan: Plan) -> Run:
    """A failed installation."""
    run = approve(cast.approver, plan, plan.digest, "needed")
    Run.objects.update(state=RunState.FAILED)
    Replica.objects.update(state=ReplicaState.FAILED)
    run.refresh_from_db()
    run.plan.replica.refresh_from_db()
    return run


def in_state(replica: Replica, state: str) -> Replica:
    Replica.objects.filter(pk=replica.pk).update(state=state)
    replica.refresh_from_db()
    return replica


def from_it(replica: Replica, wanted: Callable[..., Replica]) -> Replica:
    """A request for another one, with this one as its master."""
    realm = replica.master.realm
    master = Master.objects.create(
        hostname=replica.hostname, realm=realm, ca=True, ssh_address="192.0.2.11", host_key=replica.host_key
    )
    return wanted("ipareplica2.example.com", ssh_address="192.0.2.12", master=master)


def test_undo_freezes_a_plan_that_says_why(cast: Cast, stopped: Run) -> None:
    HostKey.objects.filter(hostname="ipareplica.example.com").update(key=OTHER_KEY)
    plan = undo(cast.operator, stopped.plan.replica, "wrong site", "the machine was scrapped")
    assert (plan.action, plan.state, plan.removes) == ("undo", PlanState.WAITING, True)
    options = plan.frozen_job().options
    assert (options.removal_reason, options.host_gone_reason) == ("wrong site", "the machine was scrapped")
    assert plan.frozen_job().replica.host_key == OTHER_KEY
    assert AuditEvent.objects.filter(verb="plan:submit").latest("pk").reason == "wrong site"
    with pytest.raises(NotAllowed):
        approve(cast.operator, plan, plan.digest, "mine")
    assert approve(cast.approver, plan, plan.digest, "fine").state == RunState.QUEUED


@pytest.mark.parametrize(
    ("ask", "state", "fitting"),
    [(undo, ReplicaState.FAILED, REPLICA_UNFINISHED), (remove, ReplicaState.VERIFIED, (ReplicaState.VERIFIED,))],
)
def test_only_in_its_state_by_an_operator_and_with_a_reason(
    cast: Cast, stopped: Run, ask: Any, state: str, fitting: tuple[str, ...]
) -> None:
    replica = stopped.plan.replica
    for other in ReplicaState.values:
        if other not in fitting:
            with pytest.raises(Conflict, match="another state|was verified"):
                ask(cast.operator, in_state(replica, other), "why")
    in_state(replica, state)
    for actor in (cast.viewer, cast.approver, cast.administrator):
        with pytest.raises(NotAllowed):
            ask(actor, replica, "why")
    with pytest.raises(ValidationError, match="Say why"):
        ask(cast.operator, replica, "  ")
    Run.objects.update(state=RunState.RUNNING)
    with pytest.raises(Conflict, match="Another run"):
        ask(cast.operator, replica, "why")
    Run.objects.update(state=RunState.FAILED)
    ask(cast.operator, replica, "why")
    with pytest.raises(Conflict, match="waiting for its approval"):
        ask(cast.operator, replica, "why")


def test_a_replica_that_another_one_is_made_from_stays(
    cast: Cast, stopped: Run, wanted: Callable[..., Replica]
) -> None:
    replica = in_state(stopped.plan.replica, ReplicaState.VERIFIED)
    plan = submit.store(cast.operator, from_it(replica, wanted), OTHER_KEY)
    with pytest.raises(Conflict, match="is the master of ipareplica2.example.com"):
        remove(cast.operator, replica, "old")
    reject(cast.approver, plan, plan.digest, "no")
    removal = remove(cast.operator, replica, "old")
    with pytest.raises(Conflict, match=f"{replica} is about to be removed"), transaction.atomic():
        resubmitting.restore(cast.operator, plan.replica, KEY)
    in_state(plan.replica, ReplicaState.REQUESTED)  # by somebody who was as fast
    with pytest.raises(Conflict, match="is the master of"), transaction.atomic():
        approve(cast.approver, removal, removal.digest, "fine")
    in_state(plan.replica, ReplicaState.REJECTED)
    in_state(replica, ReplicaState.REMOVED)
    with pytest.raises(Conflict, match="no master at present"):
        resubmitting.restore(cast.operator, plan.replica, KEY)


def test_nothing_is_made_from_a_replica_that_is_being_removed(
    cast: Cast, stopped: Run, wanted: Callable[..., Replica]
) -> None:
    replica = in_state(stopped.plan.replica, ReplicaState.VERIFIED)
    child = from_it(replica, wanted)
    removal = remove(cast.operator, replica, "old")
    run = approve(cast.approver, removal, removal.digest, "fine")
    for state in (RunState.QUEUED, RunState.RUNNING):
        Run.objects.filter(pk=run.pk).update(state=state)
        with pytest.raises(Conflict, match="is about to be removed"), transaction.atomic():
            submit.store(cast.operator, child, OTHER_KEY)
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    plan = submit.store(cast.operator, child, OTHER_KEY)
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED)  # approved while the request was on its way
    with pytest.raises(Conflict, match="is about to be removed"), transaction.atomic():
        approve(cast.approver, plan, plan.digest, "fine")


def test_a_removal_is_not_tried_again_while_another_replica_is_made_from_it(
    cast: Cast, stopped: Run, wanted: Callable[..., Replica]
) -> None:
    replica = in_state(stopped.plan.replica, ReplicaState.VERIFIED)
    removal = remove(cast.operator, replica, "old")
    run = approve(cast.approver, removal, removal.digest, "fine")
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    run.refresh_from_db()
    plan = submit.store(cast.operator, from_it(replica, wanted), OTHER_KEY)
    approve(cast.approver, plan, plan.digest, "fine")
    with pytest.raises(Conflict, match=r"is the master of ipareplica2\.example\.com"), transaction.atomic():
        retry(cast.operator, run)
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    in_state(plan.replica, ReplicaState.REMOVED)
    retry(cast.operator, run)


@pytest.mark.parametrize("begun", [True, False])
def test_a_removal_that_has_changed_nothing_yet_looks_again_when_it_is_retried(
    begun: bool, cast: Cast, stopped: Run
) -> None:
    plan = undo(cast.operator, stopped.plan.replica, "wrong site")
    run = approve(cast.approver, plan, plan.digest, "fine")
    facts = {"undone": ["check-removable"], "replica_claimed": True} | ({"removal_begun": True} if begun else {})
    Run.objects.filter(pk=run.pk).update(state=RunState.CANCELLED, facts=facts)
    run.steps.filter(index=1).update(started_at=timezone.now())
    run.refresh_from_db()
    retry(cast.operator, run)
    run.refresh_from_db()
    assert run.facts == (facts if begun else {"replica_claimed": True})


def test_an_undo_is_not_approved_for_what_works_by_now(cast: Cast, stopped: Run) -> None:
    plan = undo(cast.operator, stopped.plan.replica, "wrong site")
    in_state(stopped.plan.replica, ReplicaState.VERIFIED)
    plan.replica.refresh_from_db()
    with pytest.raises(Conflict):
        approve(cast.approver, plan, plan.digest, "fine")


def test_a_run_is_not_retried_after_a_later_one(cast: Cast, stopped: Run) -> None:
    plan = undo(cast.operator, stopped.plan.replica, "wrong site")
    later = approve(cast.approver, plan, plan.digest, "fine")
    Run.objects.update(state=RunState.FAILED)
    with pytest.raises(Conflict, match="later run"):
        retry(cast.operator, stopped)
    later.refresh_from_db()
    retry(cast.operator, later)


@pytest.mark.parametrize("state", REPLICA_ENDED)
def test_the_same_request_again(cast: Cast, stopped: Run, state: str) -> None:
    replica = in_state(stopped.plan.replica, state)
    plan = resubmitting.restore(cast.operator, replica, KEY, "the site is right after all")
    replica.refresh_from_db()
    assert plan.replica == replica
    assert (plan.action, replica.state) == ("install", ReplicaState.REQUESTED)
    assert AuditEvent.objects.get(verb="replica:resubmit").reason == "the site is right after all"
    assert approve(cast.approver, plan, plan.digest, "fine").facts == {}


@pytest.mark.parametrize("state", sorted(set(ReplicaState.values) - set(REPLICA_ENDED)))
def test_nothing_is_asked_again_that_has_not_ended(cast: Cast, stopped: Run, state: str) -> None:
    with pytest.raises(Conflict):
        resubmitting.restore(cast.operator, in_state(stopped.plan.replica, state), KEY)


def test_a_master_that_was_removed_can_be_asked_for_until_it_is_approved(
    cast: Cast, stopped: Run, wanted: Callable[..., Replica]
) -> None:
    replica = in_state(stopped.plan.replica, ReplicaState.VERIFIED)
    child = submit.store(cast.operator, from_it(replica, wanted), OTHER_KEY).replica
    in_state(child, ReplicaState.REMOVED)  # its row keeps that of its master
    removal = remove(cast.operator, replica, "old")
    run = approve(cast.approver, removal, removal.digest, "fine")
    Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED)
    in_state(replica, ReplicaState.REMOVED)
    cancel_plan(cast.operator, resubmitting.restore(cast.operator, replica, KEY), "mistyped")
    cancel_plan(cast.operator, submit.store(cast.operator, wanted(), KEY), "mistyped again")
    assert resubmitting.restore(cast.operator, replica, KEY).state == PlanState.WAITING


def test_a_master_that_somebody_registered_is_none_of_the_portals_replicas(
    cast: Cast, plan: Plan, wanted: Callable[..., Replica]
) -> None:
    cancel_plan(cast.operator, plan, "it is set up by hand")
    from_it(plan.replica, wanted)
    with pytest.raises(Conflict, match="is a registered master"):
        submit.store(cast.operator, wanted(), KEY)
    with pytest.raises(Conflict, match="is a registered master"):
        resubmitting.restore(cast.operator, plan.replica, KEY)


def test_asking_again_when_somebody_else_has_the_name(cast: Cast, plan: Plan, wanted: Callable[..., Replica]) -> None:
    cancel_plan(cast.operator, plan, "typed wrong")
    submit.store(cast.operator, wanted(), KEY)
    with pytest.raises(Conflict, match="ipareplica.example.com already"):
        resubmitting.restore(cast.operator, plan.replica, KEY)


def test_asking_again_with_another_host_key(cast: Cast, plan: Plan) -> None:
    cancel_plan(cast.operator, plan, "typed wrong")
    with pytest.raises(HostKeyChanged):
        resubmitting.restore(cast.operator, plan.replica, OTHER_KEY)
    assert Replica.objects.get().state == ReplicaState.CANCELLED

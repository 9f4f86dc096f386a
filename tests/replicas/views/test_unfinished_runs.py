"""A run that failed or was stopped: what its pages say and offer, by the kind of the run and by how far it came."""

from __future__ import annotations

import html
import re
from typing import Any, NamedTuple

import pytest
from django.urls import reverse
from django.utils import timezone

from replicas.actions.undo import remove, undo
from replicas.choices import PlanAction, PlanState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.models import Replica, Run
from replicas.permissions import Actor
from tests.replicas.identity import host_key
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World
from tests.replicas.views.test_replicas import act, offered

PROOFS = ["LDAPS answers on 636", "Kerberos answers on 88"]
INSTALLED, CHANGED, BEGUN = {"replica_claimed": True}, {"replica_claimed": True}, {"removal_begun": True}
LATER = (PlanAction.DNS, PlanAction.RECORDS, PlanAction.CA, PlanAction.KRA, PlanAction.HIDE, PlanAction.UNHIDE,
         PlanAction.REINITIALIZE, PlanAction.SEGMENT)  # fmt: skip
OF_VERIFIED = {"dns", "remove"}
"""What is always offered for the verified replica of the tests."""


class Case(NamedTuple):
    action: PlanAction
    state: ReplicaState
    verified: bool
    """Whether the replica was verified before."""
    facts: dict[str, Any]
    reached: int
    """Steps that are done."""
    heading: str
    says: str
    offers: set[str]
    label: str
    """Of the button that goes on."""


STOPPED, FAILED, VERIFIED = ReplicaState.STOPPED, ReplicaState.FAILED, ReplicaState.VERIFIED
CASES = [
    Case(PlanAction.INSTALL, STOPPED, False, {}, 1, "The installation", "Nothing was changed on the hosts",
         {"retry", "undo"}, "Retry from this step"),
    Case(PlanAction.INSTALL, STOPPED, False, INSTALLED, 6, "The installation", "installed in part",
         {"retry", "undo"}, "Retry from this step"),
    Case(PlanAction.INSTALL, STOPPED, False, INSTALLED, 9, "The installation", "clients may use them",
         {"retry", "undo"}, "Retry from this step"),
    Case(PlanAction.UNDO, STOPPED, False, {}, 1, "The undo of the installation", "Nothing was removed yet",
         {"retry", "undo"}, "Finish the undo"),
    Case(PlanAction.UNDO, STOPPED, False, BEGUN, 6, "The undo of the installation", "is removed in part",
         {"retry", "undo"}, "Finish the undo"),
    Case(PlanAction.REMOVE, VERIFIED, True, {}, 0, "The removal", "The replica serves as before",
         {"retry", *OF_VERIFIED}, "Retry the removal"),
    Case(PlanAction.REMOVE, STOPPED, True, BEGUN, 2, "The removal", "The replica no longer serves",
         {"retry", "remove"}, "Finish the removal"),
    Case(PlanAction.REMOVE, STOPPED, True, BEGUN, 9, "The removal", "The replica no longer serves",
         {"retry", "remove"}, "Finish the removal"),
    *(Case(action, VERIFIED, True, {}, 7, f"“{action.label}”", "The replica stays in the realm",
           {"retry", *OF_VERIFIED}, "Retry from this step") for action in LATER),
    *(Case(action, VERIFIED, True, {}, 0, f"“{action.label}”", "The replica serves as before",
           {"retry", *OF_VERIFIED}, "Retry from this step") for action in LATER),
]  # fmt: skip


def made(world: World, case: Case, ended: RunState) -> Run:
    """The verified replica of the world, or its failed one, with the newest run as the case says."""
    replica = world.verified if case.verified else world.failed.plan.replica
    state = FAILED if case.state == STOPPED and ended == RunState.FAILED else case.state
    install = Run.objects.filter(plan__replica=replica)
    before = {"state": RunState.SUCCEEDED, "facts": {"proofs": PROOFS}} if case.verified else {}
    install.update(finished_at=timezone.now(), **before)
    now = timezone.now()
    Replica.objects.filter(pk=replica.pk).update(state=state, verified_at=now if case.verified else None)
    plan = w.plan_of(replica, PlanState.APPROVED, case.action)
    stopped = {"cancel_requested_by": "carla"} if ended == RunState.CANCELLED else {}
    error = "Stopped by carla at step 1." if stopped else "It broke."
    facts = case.facts | ({"proofs": PROOFS} if plan.removes else {})
    run = w.run_of(plan, ended, case.reached, facts=facts, error=error, finished_at=timezone.now(), **stopped)
    if stopped:
        w.event("carla", "run:cancel", "run", run.pk, str(run), reason="wrong replica")
    return run


def box(world: World, where: str) -> str:
    page = html.unescape(world.client("operator").get(where).content.decode())
    found = re.search(r'<section class="panel trouble.*?</section>', page, re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("ended", [RunState.CANCELLED, RunState.FAILED])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.action}-{case.reached}-{case.state}")
def test_pages_say_and_offer_what_is_true(world: World, case: Case, ended: RunState) -> None:
    run = made(world, case, ended)
    replica = run.plan.replica
    assert offered(world, "operator", replica) == case.offers
    for where in (reverse("replica", args=[replica.pk]), reverse("run", args=[run.pk])):
        shown = box(world, where)
        verb = "was stopped" if ended == RunState.CANCELLED else "failed"
        assert f"{case.heading} {verb} at step {case.reached + 1} of 10" in shown
        assert case.says in shown
        assert case.label in shown
        assert ("carla" in shown and "“wrong replica”" in shown) == (ended == RunState.CANCELLED)
        assert "portal" not in shown
        assert ("Undo" in shown) <= (case.action in (PlanAction.INSTALL, PlanAction.UNDO))
    removal = case.action == PlanAction.REMOVE
    page = world.client("operator").get(reverse("replica", args=[replica.pk])).content.decode()
    assert ('id="proofs"' in page) == (removal and case.state == VERIFIED), "a removal that changed nothing"
    assert 'id="proofs"' not in world.client("operator").get(reverse("run", args=[run.pk])).content.decode()


@pytest.mark.parametrize(
    "case", [one for one in CASES if one.verified], ids=lambda case: f"{case.action}-{case.reached}"
)
def test_nobody_undoes_the_installation_of_a_replica_that_was_verified(world: World, case: Case) -> None:
    """Neither by the button, which is not there, nor by its address, nor by the action itself."""
    replica = made(world, case, RunState.CANCELLED).plan.replica
    assert act(world, "operator", replica, "undo", reason="take it back") == 200
    actor = Actor(world.people["operator"])
    with pytest.raises(Conflict, match="was verified, so its installation cannot be undone"):
        undo(actor, replica, "take it back")
    assert not replica.plans.filter(action=PlanAction.UNDO).exists()


def test_a_removal_that_has_begun_is_requested_again(world: World) -> None:
    """When the approved plan cannot go on: its new plan is a removal, with the checks of one."""
    case = next(one for one in CASES if one.action == PlanAction.REMOVE and one.facts)
    replica = made(world, case, RunState.CANCELLED).plan.replica
    plan = remove(Actor(world.people["operator"]), replica, "finish it", "the host burned")
    assert (plan.action, plan.steps[0]["key"]) == ("remove", "check-removable")


@pytest.mark.parametrize(
    ("state", "verified", "words"),
    [
        (STOPPED, True, "Removal stopped"),
        (FAILED, True, "Removal failed"),
        (STOPPED, False, "Stopped"),
        (FAILED, False, "Failed"),
    ],
)
def test_lists_name_the_removal(world: World, state: ReplicaState, verified: bool, words: str) -> None:
    changes = {"state": state, "verified_at": timezone.now() if verified else None}
    Replica.objects.filter(pk=world.verified.pk).update(**changes)
    pages = [reverse("replicas") + "?hostname=verified", reverse("replica", args=[world.verified.pk])]
    for where in (*pages, reverse("dashboard"), reverse("master", args=[world.master.pk])):
        page = world.client("operator").get(where).content.decode()
        assert f"</svg>{words}</span>" in page, where


@pytest.mark.parametrize("ended", [RunState.CANCELLED, RunState.FAILED])
def test_a_run_that_ended_before_its_first_step_says_how(world: World, ended: RunState) -> None:
    """For example because its password is not stored."""
    run = made(world, next(one for one in CASES if one.action == PlanAction.DNS), ended)
    run.steps.update(started_at=None, state="pending")
    shown = box(world, reverse("run", args=[run.pk]))
    failed = ended == RunState.FAILED
    assert ("“Set up DNS service” failed before its first step" in shown) == failed
    assert ("“Set up DNS service” was stopped before it began, by carla" in shown) == (not failed)
    assert "Nothing was changed." in shown


def test_an_older_run_says_that_it_is_one(world: World) -> None:
    case = next(one for one in CASES if one.action == PlanAction.REMOVE and one.facts)
    old = made(world, case, RunState.CANCELLED)
    plan = w.plan_of(old.plan.replica, PlanState.APPROVED, PlanAction.REMOVE)
    w.run_of(plan, RunState.FAILED, 4, facts=BEGUN, error="It broke.", attempt_started_at=timezone.now())
    shown = box(world, reverse("run", args=[old.pk]))
    assert "A later run has worked on this replica since" in shown
    assert "Finish the removal" not in shown
    assert "no longer serves" not in shown


def test_a_retry_that_would_be_refused_is_not_offered(world: World) -> None:
    """The host key that is pinned now is another one than the plan was approved with."""
    case = next(one for one in CASES if one.action == PlanAction.REMOVE and one.facts)
    run = made(world, case, RunState.CANCELLED)
    key = run.plan.replica.host_key
    key.key = host_key("another host")
    key.save()
    assert offered(world, "operator", run.plan.replica) == {"remove"}
    shown = box(world, reverse("run", args=[run.pk]))
    assert "another host key" in shown
    assert "Request the removal again" in shown


def test_a_running_removal_says_what_stopping_it_means(world: World) -> None:
    replica = world.verified
    Replica.objects.filter(pk=replica.pk).update(state=ReplicaState.REMOVING, verified_at=timezone.now())
    w.run_of(w.plan_of(replica, PlanState.APPROVED, PlanAction.REMOVE), RunState.RUNNING, 3)
    page = html.unescape(world.client("operator").get(reverse("replica", args=[replica.pk])).content.decode())
    assert page.count("the replica no longer serves, and the removal can only be finished") == 2
    assert "undo takes it back" not in page


def test_a_plan_to_undo_what_was_verified_is_shown_as_void(world: World) -> None:
    """A portal before this one let it be submitted."""
    case = next(one for one in CASES if one.action == PlanAction.REMOVE and one.facts)
    replica = made(world, case, RunState.CANCELLED).plan.replica
    plan = w.plan_of(replica, PlanState.WAITING, PlanAction.UNDO)
    page = html.unescape(world.client("approver").get(reverse("plan", args=[plan.pk])).content.decode())
    assert "was verified, so its installation cannot be undone" in page
    assert "This plan is void" in page
    assert "Approve and run" not in page
    data = {"digest": plan.digest, "reason": "fine"}
    assert world.client("approver").post(reverse("approve", args=[plan.pk]), data).status_code == 200
    plan.refresh_from_db()
    assert plan.state == PlanState.WAITING

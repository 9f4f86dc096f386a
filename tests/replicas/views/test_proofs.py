"""Proofs are shown with their run and time, and as present only while the state that they prove is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from replicas.choices import PlanAction, PlanState, ReplicaState, RunState
from replicas.models import Replica, Run
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World

OLD, GONE, NEW = ["LDAPS answers"], ["The realm does not know it"], ["Kerberos answers"]


def installed(world: World) -> Run:
    run = Run.objects.get(plan__replica=world.verified)
    run.facts, run.finished_at = {"proofs": OLD}, timezone.now() - timedelta(hours=3)
    run.save()
    return run


def then(world: World, action: PlanAction, state: RunState, replica_state: ReplicaState, **facts: Any) -> Run:
    """Another run, after which the replica is in that state."""
    Replica.objects.filter(pk=world.verified.pk).update(state=replica_state)
    ended = timezone.now() if state not in (RunState.QUEUED, RunState.RUNNING) else None
    plan = w.plan_of(world.verified, PlanState.APPROVED, action)
    return w.run_of(plan, state, 5, facts=facts, finished_at=ended)


def shown(world: World) -> tuple[list[str], list[list[str]]]:
    """What counts now, and what counted earlier."""
    page = world.client("viewer").get(reverse("replica", args=[world.verified.pk]))
    proofs = page.context["proofs"]
    assert ('id="proofs"' in page.content.decode()) == bool(proofs)
    return proofs.lines if proofs else [], [one.lines for one in page.context["earlier_proofs"]]


def test_they_carry_run_and_time(world: World) -> None:
    run = installed(world)
    assert shown(world) == (OLD, [])
    page = world.client("viewer").get(reverse("replica", args=[world.verified.pk])).content.decode()
    section = page[page.index('id="proofs"') :]
    assert f"Install replica, run {run.pk}</a>" in section
    assert f'datetime="{timezone.localtime(run.finished_at).isoformat()}"' in section


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.FAILED, RunState.CANCELLED])
def test_a_new_installation_has_none_until_it_succeeds(world: World, state: RunState) -> None:
    installed(world)
    then(world, PlanAction.REMOVE, RunState.SUCCEEDED, ReplicaState.REMOVED, proofs=GONE, removal_begun=True)
    assert shown(world) == (GONE, [OLD])
    Replica.objects.filter(pk=world.verified.pk).update(state=ReplicaState.REQUESTED)
    assert shown(world) == ([], [GONE, OLD])
    run = then(world, PlanAction.INSTALL, state, ReplicaState.FAILED, proofs=NEW)
    assert shown(world) == ([], [GONE, OLD])
    own = world.client("viewer").get(reverse("run", args=[run.pk]))
    assert own.context["proofs"] is None
    Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED, finished_at=timezone.now())
    Replica.objects.filter(pk=world.verified.pk).update(state=ReplicaState.VERIFIED)
    assert shown(world) == (NEW, [GONE, OLD])


@pytest.mark.parametrize("action", [PlanAction.DNS, PlanAction.HIDE, PlanAction.REINITIALIZE, PlanAction.REMOVE])
@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.FAILED, RunState.CANCELLED])
def test_a_change_that_has_not_succeeded_ends_them(world: World, action: PlanAction, state: RunState) -> None:
    installed(world)
    begun = {"removal_begun": True} if action == PlanAction.REMOVE else {}
    then(world, action, state, ReplicaState.VERIFIED, **begun)
    assert shown(world) == ([], [OLD])


def test_what_changed_nothing_ends_none(world: World) -> None:
    installed(world)
    then(world, PlanAction.REMOVE, RunState.CANCELLED, ReplicaState.VERIFIED, proofs=OLD)
    then(world, PlanAction.REVOKE, RunState.SUCCEEDED, ReplicaState.VERIFIED)
    waiting = then(world, PlanAction.HIDE, RunState.QUEUED, ReplicaState.VERIFIED)
    Run.objects.filter(pk=waiting.pk).update(started_at=None)
    assert shown(world) == (OLD, [])


def test_a_change_that_proves_nothing_itself_leaves_them(world: World) -> None:
    installed(world)
    then(world, PlanAction.RECORDS, RunState.SUCCEEDED, ReplicaState.VERIFIED)
    assert shown(world) == (OLD, [])


def test_the_page_of_an_older_run_says_that_its_proofs_may_not_hold(world: World) -> None:
    run = installed(world)
    then(world, PlanAction.DNS, RunState.SUCCEEDED, ReplicaState.VERIFIED, proofs=NEW)
    assert shown(world) == (NEW, [OLD])
    page = world.client("viewer").get(reverse("run", args=[run.pk]))
    assert page.context["proofs"] is None
    assert [one.lines for one in page.context["earlier_proofs"]] == [OLD]


def test_missing_records_of_a_replica_that_is_gone_are_not_to_be_added(world: World) -> None:
    run = installed(world)
    run.facts = {"missing_records": ["a. 3600 IN A 192.0.2.1"]}
    run.save()
    page = world.client("operator").get(reverse("replica", args=[world.verified.pk]))
    assert page.context["records"]
    then(world, PlanAction.REMOVE, RunState.FAILED, ReplicaState.FAILED, removal_begun=True)
    for where in (reverse("replica", args=[world.verified.pk]), reverse("run", args=[run.pk])):
        assert not world.client("operator").get(where).context["records"]

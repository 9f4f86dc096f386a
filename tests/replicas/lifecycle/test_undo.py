"""A removal in the engine: what it knows, what it leaves out, and what becomes of the replica."""

from __future__ import annotations

import pytest
from django.utils import timezone

from replicas.choices import BundleState, PlanAction, ReplicaState, RunState
from replicas.lifecycle import lease as leases
from replicas.lifecycle import outcome, runner
from replicas.lifecycle.undo import IF_GONE, REMOVAL_BEGUN
from replicas.models import Bundle, LogLine, Master, Replica, Run
from tests.replicas.lifecycle.rows import make_run, run_for
from tests.replicas.lifecycle.twin import World

HOST = "replica1.example.com"

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "replica1.example.com"


@pytest.fixture
def world(twin_realm: None) -> World:
    return World(NAME)


def work(run: Run) -> Run:
    runner.execute(run.pk)
    return Run.objects.get(pk=run.pk)


def text(run: Run) -> str:
    return "\n".join(LogLine.objects.filter(run=run).order_by("seq").values_list("text", flat=True))


def failed_at(world: World, key: str) -> Replica:
    world.tell(key, "fail")
    assert work(make_run()).state == RunState.FAILED
    world.go_on(key, "fail")
    return Replica.objects.get()


def test_undo_takes_back_every_step_in_reverse(world: World) -> None:
    replica = failed_at(world, "install")
    assert Bundle.objects.get().state == BundleState.SEALED
    run = work(run_for(replica, PlanAction.UNDO))
    assert run.state == RunState.SUCCEEDED, run.error
    assert [step.key for step in run.steps.all()] == ["undo-install", "undo-seal-bundle", "undo-prepare"]
    assert not (world.path / "prepare").exists()
    assert not (world.path / "seal-bundle").exists()
    replica.refresh_from_db()
    assert replica.state == ReplicaState.REMOVED
    assert Bundle.objects.get().state == BundleState.REVOKED


def test_undo_of_an_installation_that_changed_nothing_touches_nothing(world: World) -> None:
    replica = failed_at(world, "prepare")
    (world.path / "prepare").write_text("somebody else's")
    run = work(run_for(replica, PlanAction.UNDO))
    assert run.state == RunState.SUCCEEDED
    assert (world.path / "prepare").exists()
    assert text(run).count("Nothing to undo") == 3
    assert REMOVAL_BEGUN not in run.facts


def test_a_host_that_is_gone_is_left_out_with_a_warning(world: World) -> None:
    replica = failed_at(world, "install")
    world.tell("host", "gone")
    run = work(run_for(replica, PlanAction.UNDO, host_gone_reason="burnt"))
    assert run.state == RunState.SUCCEEDED
    assert (world.path / "prepare").exists()
    warnings = LogLine.objects.filter(run=run, level="warning").values_list("text", flat=True)
    found = f"{HOST} is left out: {HOST} did not answer."
    assert list(warnings) == [found, f"Left out on {HOST}, which is gone: burnt"]
    assert "prepare is undone in the realm" in text(run)
    assert IF_GONE not in text(run)


def test_a_host_that_is_said_to_be_gone_and_is_not(world: World) -> None:
    replica = failed_at(world, "install")
    run = work(run_for(replica, PlanAction.UNDO, host_gone_reason="burnt"))
    assert run.state == RunState.FAILED
    assert f"{HOST} is not gone: it answers at" in run.error
    assert "without stating that the host is gone" in run.remedy
    assert (world.path / "prepare").exists()
    assert "prepare is undone" not in text(run)
    assert REMOVAL_BEGUN not in run.facts


def test_a_failed_undo_is_retried_and_a_new_one_looks_at_everything_again(world: World) -> None:
    replica = failed_at(world, "install")
    world.tell("seal-bundle", "stay")
    run = work(run_for(replica, PlanAction.UNDO))
    assert run.state == RunState.FAILED
    replica.refresh_from_db()
    assert replica.state == ReplicaState.FAILED
    assert run.facts["undone"] == ["undo-install"]
    later = run_for(replica, PlanAction.UNDO)
    assert "undone" not in later.facts
    assert later.facts["prepare-at"] == run.facts["prepare-at"]
    world.go_on("seal-bundle", "stay")
    assert work(later).state == RunState.SUCCEEDED


def test_a_removal_that_changed_nothing_leaves_the_replica_verified(world: World) -> None:
    assert work(make_run()).state == RunState.SUCCEEDED
    replica = Replica.objects.get()
    run = run_for(replica, PlanAction.REMOVE)
    Run.objects.filter(pk=run.pk).update(cancel_requested_by="olga")
    assert work(run).state == RunState.CANCELLED
    replica.refresh_from_db()
    assert replica.state == ReplicaState.VERIFIED
    world.tell("install", "stay")
    assert work(run_for(replica, PlanAction.REMOVE)).state == RunState.FAILED
    replica.refresh_from_db()
    assert replica.state == ReplicaState.FAILED


def test_an_undo_that_was_cancelled_before_it_began_leaves_the_replica_failed(world: World) -> None:
    replica = failed_at(world, "install")
    Replica.objects.update(verified_at=timezone.now())
    run = run_for(replica, PlanAction.UNDO)
    Run.objects.filter(pk=run.pk).update(cancel_requested_by="olga")
    assert work(run).state == RunState.CANCELLED
    replica.refresh_from_db()
    assert replica.state == ReplicaState.FAILED


def test_a_removal_is_stopped_after_its_first_change_and_finished_later(world: World) -> None:
    assert work(make_run()).state == RunState.SUCCEEDED
    replica = Replica.objects.get()
    world.tell("seal-bundle", "stay")
    run = work(run_for(replica, PlanAction.REMOVE))
    replica.refresh_from_db()
    assert (run.state, replica.state, replica.removal_begun) == (RunState.FAILED, ReplicaState.FAILED, True)
    again = run_for(replica, PlanAction.REMOVE)
    Run.objects.filter(pk=again.pk).update(cancel_requested_by="olga")
    assert work(again).state == RunState.CANCELLED
    replica.refresh_from_db()
    assert replica.state == ReplicaState.FAILED, "a plan that never began changes nothing of that"
    world.go_on("seal-bundle", "stay")
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED)
    assert work(run).state == RunState.SUCCEEDED
    replica.refresh_from_db()
    assert (replica.state, replica.verified_at) == (ReplicaState.REMOVED, None)


@pytest.mark.parametrize(("begun", "state"), [(False, ReplicaState.VERIFIED), (True, ReplicaState.FAILED)])
def test_a_removal_whose_end_cannot_be_written_keeps_what_serves(world: World, begun: bool, state: str) -> None:
    """Only the states are written then; a replica that still serves must not look like a failed installation."""
    assert work(make_run()).state == RunState.SUCCEEDED
    replica = Replica.objects.get()
    run = run_for(replica, PlanAction.REMOVE)
    if begun:
        Run.objects.filter(pk=run.pk).update(facts={REMOVAL_BEGUN: True})
    Replica.objects.update(state=ReplicaState.REMOVING)
    lease = leases.claim(run.pk)
    assert lease is not None
    with lease:
        outcome.end_barely(lease, outcome.Outcome(RunState.FAILED, "A defect."))
    replica.refresh_from_db()
    assert replica.state == state


def test_a_removed_replica_is_no_master_any_more(world: World) -> None:
    assert work(make_run()).state == RunState.SUCCEEDED
    replica = Replica.objects.get()
    first = Master.objects.get()
    Master.objects.create(hostname=NAME, realm=first.realm, ca=True, ssh_address="192.0.2.2", host_key=replica.host_key)
    assert work(run_for(replica, PlanAction.REMOVE)).state == RunState.SUCCEEDED
    assert list(Master.objects.all()) == [first]

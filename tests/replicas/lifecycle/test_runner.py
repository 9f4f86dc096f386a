"""A run in this process: what it leaves in the rows, however it ends."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from replicas import tasks
from replicas.backends import registry
from replicas.choices import BundleState, PlanAction, ReplicaState, RunState, StepState
from replicas.errors import HostUnreachable
from replicas.lifecycle import lease as leases
from replicas.lifecycle import looking, outcome
from replicas.lifecycle.base import Context
from replicas.lifecycle.fencing import LeaseLost
from replicas.lifecycle.job import Action
from replicas.lifecycle.runner import execute
from replicas.lifecycle.sweeper import requeue_abandoned, sweep
from replicas.models import AuditEvent, Bundle, Credential, LogLine, Master, Replica, Run, StepRun
from tests.replicas.lifecycle import twin
from tests.replicas.lifecycle.rows import SECRET, make_run
from tests.replicas.lifecycle.twin import TwinBackend, World

pytestmark = pytest.mark.usefixtures("twin_realm")
HOST = "replica1.example.com"


def wait(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def in_background(run: Run) -> threading.Thread:
    """As a worker's thread does it, which gives its connection back."""

    def work() -> None:
        try:
            execute(run.pk)
        finally:
            connection.close()

    return threading.Thread(target=work)


def texts(run: Run) -> list[str]:
    """The log; checks on the way that its numbers have no gap."""
    lines = list(LogLine.objects.filter(run=run).order_by("seq").values_list("seq", "text"))
    run.refresh_from_db()
    assert [seq for seq, _ in lines] == list(range(1, run.last_seq + 1))
    return [text for _, text in lines]


def test_install_ends_verified_with_a_used_bundle() -> None:
    run = make_run()
    execute(run.pk)
    log = texts(run)
    replica = run.plan.replica
    replica.refresh_from_db()
    assert (run.state, replica.state) == (RunState.SUCCEEDED, ReplicaState.VERIFIED)
    assert replica.verified_at is not None
    assert run.lease_until is None
    assert [line for line in log if line.startswith("[")] == [
        "[1/3]: Preparing",
        "[2/3]: Sealing the bundle",
        "[3/3]: Installing",
    ]
    bundle = Bundle.objects.get(run=run)
    assert (bundle.sha256, bundle.size, bundle.state) == ("ab" * 32, 4711, BundleState.USED)
    assert [(step.state, step.attempt, step.progress_done) for step in run.steps.all()] == [(StepState.DONE, 1, 20)] * 3
    verbs = AuditEvent.objects.filter(kind="run").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["run:start", "run:succeed"]


def test_no_secret_in_log_or_facts() -> None:
    run = make_run()
    execute(run.pk)
    assert "what the worker knows: ********" in texts(run)
    assert SECRET not in str(run.facts)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("fail", "install failed with ********"),
        ("lie", "«Installing» ran without an error, but what it should bring about is not there."),
        ("crash", "A defect of the portal stopped the run (RuntimeError)."),
    ],
)
def test_failing_step_is_retried(fault: str, error: str, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run()
    World(HOST).tell("install", fault)
    with caplog.at_level(logging.ERROR):
        execute(run.pk)
    run.refresh_from_db()
    run.plan.replica.refresh_from_db()
    assert (run.state, run.error, run.plan.replica.state) == (RunState.FAILED, error, ReplicaState.FAILED)
    assert [step.state for step in run.steps.all()] == [StepState.DONE, StepState.DONE, StepState.FAILED]
    assert SECRET not in caplog.text
    assert ("Traceback" in caplog.text) == (fault == "crash")
    World(HOST).go_on("install", fault)
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, attempt=2)
    execute(run.pk)
    assert texts(run).count("already done") == (3 if fault == "lie" else 2)
    assert (run.state, run.error) == (RunState.SUCCEEDED, "")
    assert World(HOST).effects() == ["prepare", "seal-bundle", "install"]


def test_a_full_disk_is_named_whatever_failed_first() -> None:
    run = make_run()
    World(HOST).tell("install", "fail")
    World(HOST).tell("df", "full")
    execute(run.pk)
    run.refresh_from_db()
    assert run.error == f"install failed with ******** No space is left in /var on {HOST}."
    assert run.remedy == "Free space there. Try again."


def broken(*args: object) -> None:
    raise ValueError(f"broken with {SECRET}")


@pytest.mark.parametrize(
    "places", ["begin", "end", "begin end", "wipe", "insert", "insert end"], ids=lambda text: text.replace(" ", "+")
)
def test_a_defect_anywhere_ends_the_run(
    places: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Outside of the steps, too: of its beginning and end, and of what writes its log."""
    run = make_run()
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        if "begin" in places:
            patch.setattr(outcome, "begin", broken)
        if "end" in places.split():
            patch.setattr(outcome, "end", broken)
        if "wipe" in places:
            patch.setattr("replicas.lifecycle.credentials.wipe", broken)
        if "insert" in places:
            patch.setattr("replicas.stream.rows.insert", broken)
        assert execute(run.pk)
    run.refresh_from_db()
    run.plan.replica.refresh_from_db()
    assert (run.state, run.lease_until, run.plan.replica.state) == (RunState.FAILED, None, ReplicaState.FAILED)
    assert run.error.startswith("A defect of the portal stopped the run (")
    assert not run.steps.filter(state=StepState.RUNNING).exists() or "end" in places
    assert "Traceback" in caplog.text
    assert SECRET not in caplog.text or "begin" in places, "before the beginning nothing knows it"
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, attempt=2)
    assert execute(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_a_run_needs_no_lock_file(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    (data / "leases").write_text("no folder: as on a full disk, nothing can be created in it")
    run = make_run()
    assert execute(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert "there is no lock file" in caplog.text


def test_the_failing_line_is_the_first_error_of_the_step_however_long_it_went_on() -> None:
    run = make_run()
    for attempt, step in enumerate(("prepare", "install"), 1):
        World(HOST).tell(step, "closed")
        Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, attempt=attempt)
        execute(run.pk)
        log = texts(run)
        failed = max(number for number, text in enumerate(log, 1) if "FAILED" in text)
        assert (run.state, run.failing_line) == (RunState.FAILED, failed)
        assert len(log) - failed > 150
        World(HOST).go_on(step, "closed")
    assert LogLine.objects.filter(run=run, text="A port is closed.", level="error").count() == 2


def test_the_engines_words_are_the_failing_line_where_the_step_said_nothing() -> None:
    run = make_run()
    World(HOST).tell("prepare", "fail")
    execute(run.pk)
    assert texts(run)[(run.failing_line or 0) - 1] == "prepare failed with ********"


def test_changed_plan_is_refused() -> None:
    run = make_run()
    run.plan.digest = "0" * 64
    run.plan.save()
    execute(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert run.error.startswith("The steps are no longer the ones that were approved")
    assert texts(run)[(run.failing_line or 0) - 1] == run.error
    assert World(HOST).effects() == []


def test_cancel_stops_between_steps() -> None:
    run = make_run()
    world = World(HOST)
    world.tell("prepare", "inside")
    thread = in_background(run)
    thread.start()
    wait(world.reached("prepare", "inside").exists)
    Run.objects.filter(pk=run.pk).update(cancel_requested_by="olga")
    world.go_on("prepare", "inside")
    thread.join()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert run.error == "Stopped by olga at step 2 of 3: Sealing the bundle."
    assert Replica.objects.get().state == ReplicaState.STOPPED
    assert AuditEvent.objects.filter(verb="run:cancelled", after__stopped_by="olga").exists()
    assert world.effects() == ["prepare"]
    assert texts(run)[-4:-2] == ["Done: Preparing", "  file prepare"]


def test_cancel_in_the_middle_of_a_step() -> None:
    run = make_run()
    world = World(HOST)
    world.tell("seal-bundle", "inside")
    thread = in_background(run)
    thread.start()
    wait(world.reached("seal-bundle", "inside").exists)
    Run.objects.filter(pk=run.pk).update(cancel_requested_by="olga", cancel_now=True)
    thread.join(5)
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert run.error == "Stopped by olga at step 2 of 3: Sealing the bundle."
    assert world.effects() == ["prepare"]
    assert "Perhaps done in part: Sealing the bundle" in texts(run)
    assert [step.state for step in run.steps.all()] == [StepState.DONE, StepState.CANCELLED, StepState.PENDING]


def test_cancelled_before_anything_was_done() -> None:
    run = make_run()
    Run.objects.filter(pk=run.pk).update(cancel_requested_by="olga")
    execute(run.pk)
    assert "Nothing was done." in texts(run)
    assert (run.state, run.remedy) == (RunState.CANCELLED, "Nothing was done.")
    assert Replica.objects.get().state == ReplicaState.CANCELLED, "its name is free again"


def test_cancelled_before_it_went_on() -> None:
    run = make_run()
    World(HOST).tell("seal-bundle", "fail")
    execute(run.pk)
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, attempt=2, cancel_requested_by="olga")
    execute(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert run.remedy.startswith("Nothing was changed on the hosts or in the realm.")
    assert Replica.objects.get().state == ReplicaState.STOPPED, "the host is not blank"


def test_an_attempt_lasts_from_its_own_beginning() -> None:
    run = make_run()
    assert leases.claim(run.pk) is not None
    first = Run.objects.get(pk=run.pk).started_at
    assert first is not None
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert leases.claim(run.pk) is not None, "by another worker"
    assert Run.objects.get(pk=run.pk).attempt_started_at == first
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, attempt=2, attempt_started_at=None, lease_until=None)
    assert leases.claim(run.pk) is not None
    run.refresh_from_db()
    assert run.started_at == first
    assert run.attempt_started_at is not None
    assert run.attempt_started_at > first


def test_a_step_that_kills_its_workers_ends_the_run() -> None:
    run = make_run()
    for death in range(1, 101):
        assert leases.claim(run.pk) is not None
        Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        if death % 2:  # the sweeper finds it, or another worker takes it at once
            requeue_abandoned()
    execute(run.pk)
    run.refresh_from_db()
    assert run.error == "«Preparing» lost 100 workers: they died again and again."
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, attempt=2)
    execute(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_workers_that_give_a_run_back_have_not_died() -> None:
    run = make_run()
    step = {"index": 1, "key": "prepare", "title": "Preparing", "stage": "prepare"}
    StepRun.objects.create(run=run, state=StepState.RUNNING, attempt=100, **step)
    for _ in range(101):
        lease = leases.claim(run.pk)
        assert lease is not None
        lease.give_back()
    execute(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.SUCCEEDED, "")


def test_a_step_that_ends_has_not_killed_the_workers_before_it() -> None:
    run = make_run()
    Run.objects.filter(pk=run.pk).update(takeovers=99)
    World(HOST).tell("install", "inside")
    thread = in_background(run)
    thread.start()
    wait(World(HOST).reached("install", "inside").exists)
    assert Run.objects.get(pk=run.pk).takeovers == 0
    World(HOST).go_on("install", "inside")
    thread.join(5)


@pytest.mark.parametrize(
    ("step", "what", "words"),
    [("install", "cut", "was lost"), ("prepare", "silent", "did not answer")],  # the second before all hosts were met
)
def test_a_lost_connection_is_opened_again_by_itself(step: str, what: str, words: str) -> None:
    run = make_run()
    world = World(HOST)
    world.tell(step, what)
    thread = in_background(run)
    thread.start()
    wait(LogLine.objects.filter(text__endswith=f"{words}. Trying again in 0.5 s.").exists)
    world.go_on(step, what)
    thread.join(5)
    assert texts(run)[-1].startswith("Done in")
    assert run.state == RunState.SUCCEEDED


def test_a_connection_that_stays_lost_fails_the_run(settings: Settings) -> None:
    settings.RECONNECT_SECONDS = 0.6
    run = make_run()
    World(HOST).tell("install", "cut")
    execute(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.FAILED, "The connection to the replica was lost.")


def test_each_cut_of_a_step_that_gets_further_is_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one comes when the time for the first one is over."""
    settings.RECONNECT_SECONDS, tries = 1, 0
    whole = twin.Prepare.run

    async def run_in_parts(step: twin.Prepare, ctx: Context) -> None:
        nonlocal tries
        tries += 1
        await ctx.host("master")
        await ctx.host("replica")
        if tries == 2:
            await ctx.fact("half", True)
            await asyncio.sleep(1.2)
        if tries < 3:
            raise HostUnreachable(f"Cut number {tries}.")
        await whole(step, ctx)

    monkeypatch.setattr(twin.Prepare, "run", run_in_parts)
    run = make_run()
    execute(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.SUCCEEDED, "")
    assert [line for line in texts(run) if "Trying" in line] == [
        "Cut number 1. Trying again in 0.5 s.",
        "Cut number 2. Trying again in 0.5 s.",
    ]


def test_runs_of_one_master_wait_for_each_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUNS_PER_MASTER = 1
    first, second = make_run(), make_run("replica2.example.com")
    World(HOST).tell("install", "inside")
    thread = in_background(first)
    thread.start()
    wait(World(HOST).reached("install", "inside").exists)
    assert not execute(second.pk)
    second.refresh_from_db()
    assert (second.state, second.fence) == (RunState.QUEUED, 0)
    Run.objects.filter(pk=second.pk).update(cancel_requested_by="olga")
    assert execute(second.pk), "to be cancelled it waits for nobody"
    World(HOST).go_on("install", "inside")
    thread.join(5)
    third = make_run("replica3.example.com")
    assert execute(third.pk)


def test_a_run_that_lost_its_worker_keeps_its_place_with_its_master(settings: Settings) -> None:
    settings.RUNS_PER_MASTER = 1
    first, second = make_run(), make_run("replica2.example.com")
    lost = leases.claim(first.pk)
    assert lost is not None
    lost.give_back()
    assert not execute(second.pk)
    assert execute(first.pk)
    assert execute(second.pk)


def one_at_a_time(monkeypatch: pytest.MonkeyPatch, *actions: Action) -> None:
    """Let realms of the twin take one run of these kinds at a time."""
    monkeypatch.setattr(TwinBackend, "serial", frozenset(actions))
    monkeypatch.setitem(registry.BACKENDS, "twin", "tests.replicas.lifecycle.twin:TwinBackend")


def other_master(run: Run) -> None:
    """Give the run's replica another master of the same realm."""
    master = run.plan.replica.master
    master.pk, master.hostname = None, "master2.example.com"
    master.save()
    Replica.objects.filter(pk=run.plan.replica_id).update(master=master)


def test_a_realm_that_takes_one_server_at_a_time_does_so_whatever_the_master(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RUNS_PER_MASTER = 9
    one_at_a_time(monkeypatch, "install", "remove")
    first, second = make_run(), make_run("replica2.example.com", PlanAction.REMOVE)
    light = make_run("replica3.example.com", PlanAction.RECORDS)
    other_master(second)
    lost = leases.claim(first.pk)
    assert lost is not None
    assert leases.claim(second.pk) is None
    assert leases.claim(light.pk) is not None, "what is not in the list waits for nobody"
    lost.give_back()
    assert leases.claim(second.pk) is None, "a run without a worker keeps its place"
    Run.objects.filter(pk=first.pk).update(state=RunState.FAILED)
    assert leases.claim(second.pk) is not None


def test_another_realm_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch, "install")
    first, second = make_run(), make_run("replica2.example.com")
    other_master(second)
    realm = second.plan.replica.master.realm
    realm.pk, realm.name = None, "OTHER.EXAMPLE.COM"
    realm.save()
    Master.objects.filter(hostname="master2.example.com").update(realm=realm)
    assert leases.claim(first.pk) is not None
    assert leases.claim(second.pk) is not None


def test_the_run_that_was_requested_first_gets_the_next_turn(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever task a worker happens to take first; for a realm, and for a master."""
    one_at_a_time(monkeypatch, "install")
    settings.RUNS_PER_MASTER = 1
    for number, action in enumerate((PlanAction.INSTALL, PlanAction.RECORDS)):
        first, second = (make_run(f"replica{number}{name}.example.com", action) for name in "ab")
        assert leases.claim(second.pk) is None
        Run.objects.filter(pk=first.pk).update(held_until=timezone.now() + timedelta(hours=1))
        assert leases.claim(second.pk) is not None, "a held run keeps no turn"
        Run.objects.filter(pk=first.pk).update(held_until=None)
        assert leases.claim(first.pk) is None
        Run.objects.filter(pk=second.pk).update(state=RunState.SUCCEEDED)
        assert leases.claim(first.pk) is not None
        Run.objects.filter(pk=first.pk).update(state=RunState.SUCCEEDED)


def test_a_lost_run_does_not_wait_for_those_that_began_meanwhile(settings: Settings) -> None:
    first, second = make_run(), make_run("replica2.example.com")
    lost = leases.claim(first.pk)
    assert lost is not None
    assert leases.claim(second.pk) is not None
    lost.give_back()
    settings.RUNS_PER_MASTER = 1
    assert execute(first.pk)


def test_records_leave_the_replica_verified_even_when_they_fail() -> None:
    run = make_run(action=PlanAction.RECORDS)
    World(HOST).tell("records", "fail")
    execute(run.pk)
    run.refresh_from_db()
    run.plan.replica.refresh_from_db()
    assert (run.state, run.plan.replica.state) == (RunState.FAILED, ReplicaState.VERIFIED)


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED, RunState.RUNNING])
def test_only_a_free_run_is_taken(state: RunState) -> None:
    run = make_run()
    Run.objects.filter(pk=run.pk).update(state=state, lease_until=timezone.now() + timedelta(seconds=60))
    execute(run.pk)
    run.refresh_from_db()
    assert (run.fence, World(HOST).effects()) == (0, [])


def test_a_worker_whose_clock_is_wrong_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases go by the database's clock: an hour ahead, every lease would look as if it had run out."""
    run = make_run()
    assert leases.claim(run.pk) is not None
    now = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert leases.claim(run.pk) is None
    assert sweep(Waiting()) == 0
    run.refresh_from_db()
    assert (run.state, run.fence) == (RunState.RUNNING, 1)
    assert run.lease_until is not None
    assert run.lease_until < now


def test_a_lease_runs_out_while_the_machine_is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Linux counts it: CLOCK_MONOTONIC stands still meanwhile, CLOCK_BOOTTIME does not."""
    lease = leases.claim(make_run().pk)
    assert lease is not None
    assert not lease.over
    clock = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: clock(which) + 3600 * (which == time.CLOCK_BOOTTIME))
    assert lease.over
    with pytest.raises(LeaseLost):
        lease.check()


class Waiting:
    """A queue in which nothing waits, and into which nothing may come."""

    def execute(self, run_id: int) -> object:
        raise AssertionError(f"run {run_id} was queued")

    def waiting(self) -> set[int]:
        return set()

    def deliver(self) -> object:
        raise AssertionError("something was sent")

    def verify_history(self, by: str) -> object:
        return None

    def look(self, realm_id: int) -> object:
        return None


def test_after_a_run_its_realm_is_looked_at_anew(settings: Settings) -> None:
    settings.LOOK_SECONDS = 900
    run = make_run()
    realm = run.plan.replica.master.realm
    Credential.objects.create(realm=realm, name="directory_manager")
    assert looking.claim(realm, 0)
    assert looking.next_due() is None, "it has just been looked at"
    tasks.execute.call_local(run.pk)
    assert looking.next_due() == realm
    tasks.execute.call_local(run.pk)
    assert looking.next_due() is None, "that run had ended before"

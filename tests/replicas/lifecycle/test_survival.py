"""Real workers, really killed, frozen and stopped: the run ends the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from multiprocessing.process import BaseProcess

import pytest
from django.utils import timezone

from replicas.choices import ReplicaState, RunState
from replicas.models import LogLine, Run, StepRun
from tests.replicas.lifecycle.processes import Workers, clog, freeze, thaw
from tests.replicas.lifecycle.rows import make_run
from tests.replicas.lifecycle.twin import LINES, TwinBackend, World

HOST = "replica1.example.com"
POINTS = ("before", "inside", "after")


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def ended(run: Run) -> bool:
    run.refresh_from_db()
    return run.state not in (RunState.QUEUED, RunState.RUNNING)


def kill(worker: BaseProcess) -> None:
    worker.kill()
    worker.join()


def assert_whole(run: Run, keys: list[str]) -> None:
    """Verified, every effect once, and a log without a gap that ends with the last line of every step."""
    assert (run.state, run.error) == (RunState.SUCCEEDED, "")
    assert World(run.plan.replica.hostname).effects() == keys
    lines = LogLine.objects.filter(run=run).order_by("seq")
    assert [line.seq for line in lines] == list(range(1, run.last_seq + 1))
    assert {f"{key} line {LINES} of {LINES}" for key in keys} <= {line.text for line in lines}


def test_kill_at_every_point_of_every_step(workers: Workers) -> None:
    run = make_run()
    world = World(HOST)
    keys = [step.key for step in TwinBackend().steps(run.plan.frozen_job())]
    kills = [(key, point) for key in keys for point in POINTS]
    for key, point in kills:
        world.tell(key, point)
    for key, point in kills:
        worker = workers.start()
        wait(world.reached(key, point).exists)
        kill(worker)
        world.go_on(key, point)
    workers.start()
    wait(lambda: ended(run))
    assert_whole(run, keys)
    run.plan.replica.refresh_from_db()
    assert run.plan.replica.state == ReplicaState.VERIFIED
    assert run.fence == len(kills) + 1


def test_kills_while_a_line_is_rewritten(workers: Workers) -> None:
    """As ipa-replica-install prints the seconds of initialization: nothing is lost or doubled, one line stays."""
    run, world = make_run(), World(HOST)
    output = world.path / "output-install"
    world.tell("install", "follow")
    said = "Starting replication\n"
    output.write_text(said)
    for second in range(1, 7):
        worker = workers.start()
        wait(LogLine.objects.filter(run=run, text="Starting replication").exists)
        # Written whole or in halves, and never with an end: a killed worker has heard of it, and stored none of it.
        said += f"\rUpdate in progress, {second} seconds"
        output.write_text(said, newline="")
        time.sleep(0.15)
        said += " elapsed"
        output.write_text(said, newline="")
        wait(StepRun.objects.filter(run=run, progress_unit__endswith=f" {second} seconds elapsed").exists)
        kill(worker)
        run.refresh_from_db()
        assert run.offsets == {"install": len("Starting replication\n")}
    output.write_text(f"{said}\nUpdate succeeded\n", newline="")
    (world.path / "ended-install").touch()
    workers.start()
    wait(lambda: ended(run))
    assert_whole(run, ["prepare", "seal-bundle", "install"])
    lines = LogLine.objects.filter(run=run).order_by("seq").values_list("text", flat=True)
    heard = [line for line in lines if line.startswith(("Starting", "Update"))]
    assert heard == ["Starting replication", "Update in progress, 6 seconds elapsed", "Update succeeded"]


def test_frozen_worker_writes_nothing_more(workers: Workers) -> None:
    run = make_run()
    world = World(HOST)
    world.tell("install", "inside")
    old = workers.start(lease_seconds=1)
    wait(world.reached("install", "inside").exists)
    freeze(old)
    world.go_on("install", "inside")
    workers.start(lease_seconds=1)
    wait(lambda: ended(run))
    rows = list(LogLine.objects.values_list()), list(StepRun.objects.values_list()), list(Run.objects.values_list())
    thaw(old)
    time.sleep(0.7)
    assert old.is_alive()
    assert rows == (
        list(LogLine.objects.values_list()),
        list(StepRun.objects.values_list()),
        list(Run.objects.values_list()),
    )
    assert run.fence == 2
    assert_whole(run, ["prepare", "seal-bundle", "install"])


def test_two_workers_never_run_the_same_run(workers: Workers) -> None:
    runs = [make_run(f"replica{number}.example.com") for number in range(6)]
    for _ in range(2):
        workers.start()
    wait(lambda: all(ended(run) for run in runs))
    for run in runs:
        assert run.fence == 1
        assert_whole(run, ["prepare", "seal-bundle", "install"])


def test_stopped_worker_gives_its_run_back(workers: Workers) -> None:
    run = make_run()
    world = World(HOST)
    world.tell("install", "inside")
    worker = workers.start()
    wait(world.reached("install", "inside").exists)
    worker.terminate()
    worker.join(5)
    assert worker.exitcode == 0
    run.refresh_from_db()
    assert run.state == RunState.QUEUED
    world.go_on("install", "inside")
    workers.start()
    wait(lambda: ended(run))
    assert_whole(run, ["prepare", "seal-bundle", "install"])


@pytest.mark.parametrize("lease_seconds", [1])
def test_killed_worker_is_noticed_by_its_neighbour(workers: Workers, lease_seconds: int) -> None:
    run = make_run()
    world = World(HOST)
    world.tell("install", "inside")
    first = workers.start()
    wait(world.reached("install", "inside").exists)
    workers.start(lease_seconds)
    kill(first)
    world.go_on("install", "inside")
    wait(lambda: ended(run))
    assert_whole(run, ["prepare", "seal-bundle", "install"])


def test_an_abandoned_run_waits_for_no_other_work(workers: Workers) -> None:
    """Its neighbour has a healthy run in its only thread, and tasks that do not end in all others."""
    abandoned, world = make_run(), World(HOST)
    world.tell("install", "inside")
    first = workers.start(workers=1)
    wait(world.reached("install", "inside").exists)
    healthy, busy = make_run("replica2.example.com"), World("replica2.example.com")
    busy.tell("prepare", "inside")
    workers.prepare = partial(clog, workers.prepare)
    workers.start(workers=1, task_workers=1)
    wait(busy.reached("prepare", "inside").exists)
    next_in_line = make_run("replica3.example.com")
    world.go_on("install", "inside")
    kill(first)
    wait(lambda: ended(abandoned))
    assert_whole(abandoned, ["prepare", "seal-bundle", "install"])
    healthy.refresh_from_db()
    assert healthy.state == RunState.RUNNING
    busy.go_on("prepare", "inside")
    wait(lambda: ended(healthy) and ended(next_in_line))
    assert next_in_line.state == RunState.SUCCEEDED


def test_a_held_run_begins_when_its_window_opens(workers: Workers) -> None:
    run, opens = make_run(), timezone.now() + timedelta(seconds=3)
    Run.objects.filter(pk=run.pk).update(held_until=opens)
    workers.start()
    wait(lambda: ended(run))
    began = StepRun.objects.filter(run=run).earliest("started_at").started_at
    assert run.state == RunState.SUCCEEDED, run.error
    assert began is not None
    assert began >= opens

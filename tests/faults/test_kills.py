"""`kill -9` of the worker: at every boundary of every step, inside long ones, at any moment; and a frozen worker."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from replicas.choices import StepState
from replicas.models import AuditEvent, LogLine, Run, StepRun
from tests.faults.conftest import ROUNDS
from tests.faults.hosts import Baseline, HostSite, ended, plain, texts
from tests.faults.workers import POINTS

pytestmark = pytest.mark.hosts
LONG = 1.0
"""Seconds that a step takes to be killed inside as well."""
MOMENTS = 3
"""In each long step."""


def test_at_every_boundary_of_every_step(site: HostSite, undisturbed: Baseline) -> None:
    run = site.ask()
    kills = [(step["key"], point) for step in run.plan.steps for point in POINTS]
    site.orders.give(*kills)
    worker, recovered, died = site.start(), list[float](), list[tuple[str, str]]()
    while not ended(run):
        if worker.is_alive():
            time.sleep(0.005)
            continue
        left = {(step, point) for step, point in site.orders.left()}
        died += [kill for kill in kills if kill not in left and kill not in died]
        recovered.append(site.take_up(run))
        assert site.worker is not None
        worker = site.worker
    outcome = run.state if run.error else "verified"
    for (step, point), seconds in zip(died, recovered, strict=True):
        site.table.add(f"kill -9 {POINTS[point]}", step, outcome, seconds)
    site.assert_same(run, undisturbed)
    assert died == kills, "each point is on the way"
    assert undisturbed.lines <= set(map(plain, texts(run))), "every line is there"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_inside_every_long_step(number: int, site: HostSite, undisturbed: Baseline, moments: random.Random) -> None:
    run = site.ask()
    long = {key: seconds for key, seconds in undisturbed.seconds.items() if seconds > LONG}
    assert long
    hit = set[str]()
    site.start()
    for key, seconds in long.items():
        for _ in range(MOMENTS):
            before = Run.objects.values_list("last_seq", flat=True).get(pk=run.pk)
            if not inside(site, run, key, wait := moments.uniform(0.05, 0.9) * seconds):
                break
            stored = list(LogLine.objects.filter(run=run).values_list("seq", "text"))
            site.table.add(f"kill -9 {wait:.2f} s inside", key, "verified", site.take_up(run))
            hit.add(key)
            now = list(LogLine.objects.filter(run=run, seq__lte=len(stored)).values_list("seq", "text"))
            assert now == stored
            assert len(stored) >= before
    site.finish(run)
    assert max(long, key=lambda key: long[key]) in hit, "others may be over sooner than last time"
    site.assert_same(run, undisturbed)


def inside(site: HostSite, run: Run, key: str, wait: float) -> bool:
    """Kill the worker so many seconds after it took up the step; False when the step was over by then."""
    site.wait(lambda: StepRun.objects.filter(run=run, key=key, state__in=(StepState.RUNNING, StepState.DONE)).exists())
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if StepRun.objects.filter(run=run, key=key, state=StepState.DONE).exists():
            return False
        time.sleep(0.005)
    site.kill()
    return not ended(run)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_at_any_moment(number: int, site: HostSite, undisturbed: Baseline, moments: random.Random) -> None:
    run = site.ask()
    site.start()
    while True:
        time.sleep(wait := moments.uniform(0.2, 3))
        if ended(run):
            break
        site.kill()
        if ended(run):
            break
        step = run.steps.filter(state=StepState.RUNNING).values_list("key", flat=True).first() or "between steps"
        site.table.add(f"kill -9 {wait:.2f} s after the last one", step, "verified", site.take_up(run))
    site.assert_same(run, undisturbed)


@pytest.mark.parametrize("step", ["prepare-bundle", "configure-directory", "configure-dns"])
def test_frozen_until_another_took_over(
    step: str, site: HostSite, undisturbed: Baseline, moments: random.Random
) -> None:
    run = site.ask()
    old = site.start(lease_seconds=2)
    assert old.pid is not None
    site.reach(run, step)
    time.sleep(moments.uniform(0, 0.3) * undisturbed.seconds[step])
    os.kill(old.pid, signal.SIGSTOP)
    try:
        seconds = site.take_up(run, lease_seconds=2)
        site.finish(run)
        site.table.add("worker frozen for longer than its lease of 2 s", step, "verified", seconds)
        site.assert_same(run, undisturbed)
        before = everything()
    finally:
        os.kill(old.pid, signal.SIGCONT)
    time.sleep(3)
    assert old.is_alive()
    assert everything() == before, "the old worker wrote nothing more"
    site.assert_same(run, undisturbed)


def everything() -> list[list[tuple[object, ...]]]:
    return [list(model.objects.order_by("pk").values_list()) for model in (Run, StepRun, LogLine, AuditEvent)]

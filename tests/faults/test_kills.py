"""`kill -9` of the worker: at every boundary of every step, inside long ones, at any moment; and a frozen worker."""

from __future__ import annotations

import random
import time

import pytest

from replicas.choices import StepState
from replicas.models import AuditEvent, LogLine, Run, StepRun
from tests.faults.conftest import ROUNDS
from tests.faults.hosts import Baseline, HostSite, boundaries, ended
from tests.faults.logs import assert_complete
from tests.replicas.lifecycle.processes import freeze, thaw

pytestmark = pytest.mark.hosts


def test_at_every_boundary_of_every_step(site: HostSite, undisturbed: Baseline) -> None:
    run = site.ask()
    site.work(run, boundaries(run), "verified")
    site.assert_same(run, undisturbed)
    assert_complete(run, undisturbed.install.said)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_inside_every_long_step(number: int, site: HostSite, undisturbed: Baseline, moments: random.Random) -> None:
    run, orders = site.ask(), undisturbed.install.moments(moments)
    assert orders
    site.work(run, orders, "verified")
    site.assert_same(run, undisturbed)
    assert_complete(run, undisturbed.install.said, {step for step, _ in orders})


@pytest.mark.parametrize("number", range(ROUNDS))
def test_at_any_moment(number: int, site: HostSite, undisturbed: Baseline, moments: random.Random) -> None:
    run, died_in = site.ask(), set[str]()
    # So that a slow machine, too, comes to the end of every step.
    longest = max(3, *undisturbed.install.seconds.values())
    site.start()
    while True:
        time.sleep(wait := moments.uniform(0.2, longest))
        if ended(run):
            break
        site.kill()
        if ended(run):
            break
        step = run.steps.filter(state=StepState.RUNNING).values_list("key", flat=True).first() or "between steps"
        site.table.add(f"kill -9 {wait:.2f} s after the last one", step, "verified", site.take_up(run))
        died_in.add(step)
    site.assert_same(run, undisturbed)
    assert_complete(run, undisturbed.install.said, died_in)


@pytest.mark.parametrize("step", ["prepare-bundle", "configure-directory", "configure-dns"])
def test_frozen_until_another_took_over(
    step: str, site: HostSite, undisturbed: Baseline, moments: random.Random
) -> None:
    run = site.ask()
    old = site.start(lease_seconds=2)
    site.reach(run, step)
    time.sleep(moments.uniform(0, 0.3) * undisturbed.install.seconds[step])
    freeze(old)
    try:
        seconds = site.take_up(run, lease_seconds=2)
        site.finish(run)
        site.table.add("worker frozen for longer than its lease of 2 s", step, "verified", seconds)
        site.assert_same(run, undisturbed)
        assert_complete(run, undisturbed.install.said, {step})
        before = everything()
    finally:
        thaw(old)
    time.sleep(3)
    assert old.is_alive()
    assert everything() == before, "the old worker wrote nothing more"
    site.assert_same(run, undisturbed)


def everything() -> list[list[tuple[object, ...]]]:
    return [list(model.objects.order_by("pk").values_list()) for model in (Run, StepRun, LogLine, AuditEvent)]

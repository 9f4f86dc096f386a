"""Kills while a replica is taken back, after which the host is blank and the same request installs cleanly."""

from __future__ import annotations

import copy
import random
import time
from typing import Any

import pytest

from replicas.actions.cancel import cancel_run
from replicas.actions.resubmit import resubmit
from replicas.actions.undo import remove, undo
from replicas.choices import ReplicaState, RunState
from replicas.models import Plan, Replica, Run
from tests.faults.hosts import Baseline, HostSite, ended, shape
from tests.faults.workers import POINTS
from tests.hosts.census import difference

pytestmark = pytest.mark.hosts


def without_issued(found: dict[str, Any]) -> dict[str, Any]:
    """Certificates that were issued stay in the authority's index; that none is valid is counted by themselves."""
    return {key: value for key, value in found.items() if key != "certificates ever issued"}


def assert_blank(site: HostSite, before: dict[str, Any]) -> None:
    differs = difference(before, without_issued(shape(site.lab)))
    assert not differs, "\n".join(f"{where}: {what}" for where, what in differs.items())


def work_with_kills(site: HostSite, plan: Plan, points: tuple[str, ...]) -> Run:
    """To the end of the plan's run, with a kill at these points of every step."""
    run = site.portal.approve(plan)
    kills = [(step["key"], point) for step in plan.steps for point in points]
    site.orders.give(*kills)
    worker, recovered = site.start(), list[float]()
    while not ended(run):
        if worker.is_alive():
            time.sleep(0.005)
            continue
        recovered.append(site.take_up(run))
        assert site.worker is not None
        worker = site.worker
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
    assert len(recovered) == len(kills)
    for (step, point), seconds in zip(kills, recovered, strict=True):
        site.table.add(f"kill -9 {POINTS[point]}", step, "removed", seconds)
    return run


def install_again(site: HostSite, undisturbed: Baseline) -> None:
    replica = Replica.objects.exclude(state=ReplicaState.REMOVED).first() or Replica.objects.latest("pk")
    run = site.portal.approve(resubmit(site.portal.operator, replica))
    site.finish(run)
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
    differs = difference(without_ids(undisturbed.shape), without_ids(shape(site.lab)))
    assert not differs, "\n".join(f"{where}: {what}" for where, what in differs.items())


def without_ids(found: dict[str, Any]) -> dict[str, Any]:
    """A replica that comes back gets an id that nobody had before."""
    kept = copy.deepcopy(without_issued(found))
    for directory in (facts["directory"] for facts in kept.values() if facts["directory"]):
        directory["update vector"] = [line.split()[1] for line in directory["update vector"]]
        directory["keep alive"] = len(directory["keep alive"])
    return kept


def test_killed_at_every_boundary_of_a_removal(site: HostSite, undisturbed: Baseline) -> None:
    before = without_issued(shape(site.lab))
    run = site.ask()
    site.start()
    site.finish(run)
    site.kill()
    plan = remove(site.portal.operator, run.plan.replica, "moved to another site")
    work_with_kills(site, plan, ("started", "ran", "noted"))
    assert_blank(site, before)
    install_again(site, undisturbed)


def test_stopped_inside_the_longest_step_and_undone(
    site: HostSite, undisturbed: Baseline, moments: random.Random
) -> None:
    before = without_issued(shape(site.lab))
    longest = max(undisturbed.seconds, key=lambda key: undisturbed.seconds[key])
    run = site.ask()
    site.start()
    site.reach(run, longest)
    time.sleep(moments.uniform(0.1, 0.8) * undisturbed.seconds[longest])
    cancel_run(site.portal.operator, run, "another host was meant", now=True)
    seconds = site.wait(lambda: ended(run), 20)
    site.table.add("stopped in the middle by a person", longest, run.state, seconds)
    assert run.state == RunState.CANCELLED
    site.kill()
    work_with_kills(site, undo(site.portal.operator, run.plan.replica, "another host was meant"), ("ran",))
    assert_blank(site, before)
    install_again(site, undisturbed)

"""One portal with its hosts: asks for a replica, restarts workers that die, and compares what comes out."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lab import Host, Lab
from replicas.actions.retry import retry
from replicas.actions.undo import remove
from replicas.choices import RUN_TERMINAL, ReplicaState, RunState, StepState
from replicas.models import Master, Replica, Run, StepRun
from tests.faults.logs import Said, assert_whole, said, texts
from tests.faults.table import Table
from tests.faults.workers import POINTS, Order, Orders, words
from tests.hosts.census import census, difference
from tests.hosts.conftest import Portal
from tests.replicas.lifecycle.processes import Workers

REPLICA = "ipareplica.example.com"
MOST_SECONDS = 60.0
"""Until a run is worked on again."""
RUN_SECONDS = 400.0
POLL_SECONDS = 0.01
LONG = 1.0
"""Seconds that a step takes to be killed inside as well."""
MOMENTS = 3
"""In each long step."""


@dataclass(frozen=True)
class Course:
    """A run without faults: what its steps said, and how long each took."""

    said: Said
    seconds: dict[str, float]

    def moments(self, chance: random.Random) -> list[Order]:
        """Some inside each step that takes long, the soonest first."""
        parts = sorted(chance.uniform(0.05, 0.9) for _ in range(MOMENTS))
        return [(key, part * seconds) for key, seconds in self.seconds.items() for part in parts if seconds > LONG]


@dataclass(frozen=True)
class Baseline:
    """An installation without faults, and the removal of what it made: what was on the hosts in between."""

    shape: dict[str, Any]
    install: Course
    removal: Course


class HostSite:
    """The test's hand on one run after the other."""

    def __init__(self, portal: Portal, lab: Lab, workers: Workers, table: Table, orders: Path) -> None:
        self.portal, self.lab, self.workers, self.table = portal, lab, workers, table
        self.orders = Orders(orders)
        self.worker: BaseProcess | None = None

    @property
    def master(self) -> Host:
        return self.lab.master

    @property
    def replica(self) -> Host:
        return self.lab.host(REPLICA)

    def ask(self, **changes: Any) -> Run:
        """Everything that a request can ask for, approved."""
        if not Master.objects.exists():
            self.portal.register()
        addresses = [str(self.replica.address), str(self.replica.address6)]
        wanted: dict[str, Any] = {"ip_addresses": addresses, "setup_ca": True, "setup_dns": True, "no_forwarders": True}
        return self.portal.approve(self.portal.ask(**(wanted | changes)))

    def start(self, lease_seconds: int = 60, **changes: int) -> BaseProcess:
        self.worker = self.workers.start(lease_seconds, **changes)
        return self.worker

    def baseline(self) -> Baseline:
        """Installs and removes, and makes the hosts fresh again."""
        run = self.ask()
        self.start()
        self.finish(run)
        assert_verified(run)
        found = shape(self.lab)
        removal = self.portal.approve(remove(self.portal.operator, run.plan.replica, "only to see"))
        self.finish(removal)
        assert removal.state == RunState.SUCCEEDED, f"{removal.error} {removal.remedy}"
        self.kill()
        self.lab.reset(*self.lab.hosts)
        return Baseline(found, course(run), course(removal))

    def work(self, run: Run, orders: Sequence[Order], outcome: str) -> None:
        """To the end of the run, with a kill at each of these points; what is stored stays as it is."""
        self.orders.give(*orders)
        worker, died = self.start(), list[Order]()
        while not ended(run):
            if worker.is_alive():
                time.sleep(POLL_SECONDS)
                continue
            left, stored = self.orders.left(), texts(run)
            reached = [order for order in orders if order not in left and order not in died]
            seconds = self.take_up(run)
            for step, point in reached:
                self.table.add(words(point), step, outcome, seconds)
            assert texts(run)[: len(stored)] == stored
            died += reached
            assert self.worker is not None
            worker = self.worker
        assert run.state == RunState.SUCCEEDED, "\n".join([run.error, run.remedy, "", *texts(run)[-30:]])
        assert set(died) == set(orders), "each point is on the way"

    def wait(self, condition: Callable[[], object], seconds: float = RUN_SECONDS) -> float:
        """Seconds until it holds."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < seconds, "it did not happen in time"
            time.sleep(POLL_SECONDS)
        return time.monotonic() - started

    def reach(self, run: Run, step: str) -> None:
        """Until the step runs. An ended run does not get there."""

        def there() -> bool:
            assert not ended(run), f"{run.state}: {run.error}"
            return StepRun.objects.filter(run=run, key=step, state=StepState.RUNNING).exists()

        self.wait(there)

    def finish(self, run: Run) -> Run:
        self.wait(lambda: ended(run))
        return run

    def take_up(self, run: Run, lease_seconds: int = 60) -> float:
        """Start a worker, and wait until it has the run; the seconds from now."""
        fence = Run.objects.values_list("fence", flat=True).get(pk=run.pk)
        started = time.monotonic()
        self.start(lease_seconds)
        self.wait(lambda: Run.objects.filter(pk=run.pk, fence__gt=fence).exists(), MOST_SECONDS)
        return time.monotonic() - started

    def kill(self) -> None:
        assert self.worker is not None
        self.worker.kill()
        self.worker.join()

    def move_on(self, run: Run) -> float:
        """Seconds until another step is done or the run has ended."""
        done = run.steps.filter(state=StepState.DONE)
        before = done.count()
        return self.wait(lambda: done.count() > before or ended(run))

    def settle(self, run: Run, *words: str) -> str:
        """To the end, with a retry if it fails with a message that has one of the words; how it went, for the table."""
        self.finish(run)
        if run.state == RunState.SUCCEEDED:
            return "verified"
        told = f"{run.error} {run.remedy}"
        assert any(word in told for word in words), told
        self.retry(run)
        assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
        return f"failed, verified after a retry: {told}"

    def retry(self, run: Run) -> Run:
        """A person retries, a worker is there."""
        run.refresh_from_db()
        retry(self.portal.operator, run)
        if self.worker is None or not self.worker.is_alive():
            self.start()
        return self.finish(run)

    def assert_same(self, run: Run, undisturbed: Baseline, begun_again: bool = False) -> None:
        """Verified, every effect as often as without the fault, and a log that is whole.

        `begun_again`: a command on a host may have been ended with it, and started anew.
        """
        assert_verified(run)
        differs = difference(undisturbed.shape, shape(self.lab))
        assert not differs, "\n".join(f"{where}: {what}" for where, what in differs.items())
        assert_whole(run, begun_again)


def course(run: Run) -> Course:
    seconds = {
        step.key: (step.finished_at - step.started_at).total_seconds()
        for step in run.steps.all()
        if step.started_at and step.finished_at
    }
    return Course(said(run), seconds)


def boundaries(run: Run) -> list[Order]:
    """Every one of every step."""
    return [(step["key"], point) for step in run.plan.steps for point in POINTS]


def ended(run: Run) -> bool:
    run.refresh_from_db()
    return run.state in RUN_TERMINAL


def assert_verified(run: Run) -> None:
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, "\n".join([run.error, run.remedy, "", *texts(run)[-30:]])
    assert Replica.objects.get(pk=run.plan.replica_id).state == ReplicaState.VERIFIED
    assert set(run.steps.values_list("state", flat=True)) == {StepState.DONE}


def shape(lab: Lab) -> dict[str, Any]:
    """The census without the contents of files, which hold keys of their own each time, and with all certificates."""
    found = census(lab)
    for host in lab.hosts:
        files = found[host.name]["files"]
        found[host.name]["files"] = {path: facts[:3] for path, facts in files.items()}
    index = lab.master.read("/var/lib/ipa/ca/index.txt")
    found["certificates ever issued"] = len(index.splitlines())
    return found

"""One portal with its hosts: asks for a replica, restarts workers that die, and compares what comes out."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lab import Host, Lab
from replicas.actions.retry import retry
from replicas.choices import RUN_TERMINAL, ReplicaState, RunState, StepState
from replicas.models import LogLine, Master, Replica, Run, StepRun
from tests.faults.table import Table
from tests.faults.workers import Orders
from tests.hosts.census import census, difference
from tests.hosts.conftest import Portal
from tests.replicas.lifecycle.processes import Workers

REPLICA = "ipareplica.example.com"
MOST_SECONDS = 60.0
"""Until a run is worked on again."""
RUN_SECONDS = 400.0
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Baseline:
    """An installation without faults: what it left on the hosts, what it logged, and how long its steps took."""

    shape: dict[str, Any]
    lines: frozenset[str]
    seconds: dict[str, float]


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

    def ask(self) -> Run:
        """Everything that a request can ask for, approved."""
        if not Master.objects.exists():
            self.portal.register()
        addresses = [str(self.replica.address), str(self.replica.address6)]
        return self.portal.approve(
            self.portal.ask(ip_addresses=addresses, setup_ca=True, setup_dns=True, no_forwarders=True)
        )

    def start(self, lease_seconds: int = 60, **changes: int) -> BaseProcess:
        self.worker = self.workers.start(lease_seconds, **changes)
        return self.worker

    def baseline(self) -> Baseline:
        """Installs, and makes the hosts and rows fresh again."""
        run = self.ask()
        self.start()
        self.finish(run)
        assert_verified(run)
        seconds = {
            step.key: (step.finished_at - step.started_at).total_seconds()
            for step in run.steps.all()
            if step.started_at and step.finished_at
        }
        found = Baseline(shape(self.lab), frozenset(map(plain, texts(run))), seconds)
        self.kill()
        for host in self.lab.hosts:
            self.lab.reset(host)
        Replica.objects.update(state=ReplicaState.REMOVED)
        return found

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
        assert_whole_log(run, begun_again)


def ended(run: Run) -> bool:
    run.refresh_from_db()
    return run.state in RUN_TERMINAL


def assert_verified(run: Run) -> None:
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, "\n".join([run.error, run.remedy, "", *texts(run)[-30:]])
    assert Replica.objects.get(pk=run.plan.replica_id).state == ReplicaState.VERIFIED
    assert set(run.steps.values_list("state", flat=True)) == {StepState.DONE}


def assert_whole_log(run: Run, begun_again: bool) -> None:
    """Numbered without gaps, in the order of time, and what a detached command printed exactly once."""
    lines = list(LogLine.objects.filter(run=run).order_by("seq"))
    assert [line.seq for line in lines] == list(range(1, run.last_seq + 1))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    printed = Counter(line.text for line in lines if line.text.startswith(PRINTED))
    assert begun_again or set(printed.values()) == {1}, printed


PRINTED = ("Starting installation ...", "Create file system structures", "Completed installation for instance")
"""By dscreate."""


def texts(run: Run) -> list[str]:
    return list(LogLine.objects.filter(run=run).order_by("seq").values_list("text", flat=True))


def plain(text: str) -> str:
    """A line without what differs from one run to the next: digests, serials, numbers, durations."""
    return re.sub(r"(less than )?[0-9]+([.,][0-9]+)?( s| ms)?", "N", re.sub(r"\b[0-9A-Fa-f]{8,}\b", "H", text))


def shape(lab: Lab) -> dict[str, Any]:
    """The census without the contents of files, which hold keys of their own each time, and with all certificates."""
    found = census(lab)
    for host in lab.hosts:
        files = found[host.name]["files"]
        found[host.name]["files"] = {path: facts[:3] for path, facts in files.items()}
    index = lab.master.read("/var/lib/ipa/ca/index.txt")
    found["certificates ever issued"] = len(index.splitlines())
    return found

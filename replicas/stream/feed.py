"""What watched runs look like now: one poller a server process reads the rows of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from replicas.choices import RUN_TERMINAL
from replicas.models import Run, StepRun
from replicas.stream import notify
from replicas.stream.durations import RunTimes
from replicas.stream.pages import Pages
from replicas.stream.poller import Poller

POLL_SECONDS = 0.1
SLOW_POLL_SECONDS = 1.0
STEP_FIELDS = (
    "index",
    "state",
    "progress_done",
    "progress_total",
    "progress_unit",
    "started_at",
    "finished_at",
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run's row and those of its steps, at one moment."""

    last_seq: int
    run: RunTimes
    steps: tuple[tuple[Any, ...], ...]

    @property
    def ended(self) -> bool:
        return self.run.state in RUN_TERMINAL


class RunFeed(Poller[int, Snapshot]):
    """Watched runs, with the pages of their logs; workers on other machines tell when there are more lines."""

    def __init__(self) -> None:
        super().__init__(read, POLL_SECONDS)
        self.pages = Pages()

    async def _keep(self) -> None:
        if not notify.crosses_processes():
            await super()._keep()
            return
        self.interval = SLOW_POLL_SECONDS
        listening = asyncio.create_task(notify.listen(self.nudge))
        try:
            await super()._keep()
        finally:
            listening.cancel()


def read(run_ids: Iterable[int]) -> dict[int, Snapshot]:
    """Steps after their runs would show a step that a run's row does not know of yet; so steps come first."""
    steps: dict[int, list[tuple[Any, ...]]] = {run_id: [] for run_id in run_ids}
    for run_id, *fields in StepRun.objects.filter(run__in=steps).order_by("index").values_list("run_id", *STEP_FIELDS):
        steps[run_id].append(tuple(fields))
    rows = Run.objects.filter(pk__in=steps).values_list("pk", "last_seq", *RunTimes._fields)
    return {pk: Snapshot(last, RunTimes(*fields), tuple(steps[pk])) for pk, last, *fields in rows}


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, RunFeed] = WeakKeyDictionary()


def current() -> RunFeed:
    """The feed of the running event loop."""
    return _feeds.setdefault(asyncio.get_running_loop(), RunFeed())

"""What watched runs look like now: one poller a server process reads the rows of all of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.db import DatabaseError

from replicas.choices import RUN_TERMINAL
from replicas.models import Run, StepRun
from replicas.stream import notify
from replicas.stream.pages import Pages

logger = logging.getLogger(__name__)
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
    state: str
    error: str
    remedy: str
    steps: tuple[tuple[Any, ...], ...]

    @property
    def ended(self) -> bool:
        return self.state in RUN_TERMINAL


class Watch:
    """One reader's view of a run."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._changed.set()

    async def next(self) -> Snapshot:
        """The newest snapshot, as soon as it differs from the one that was seen last."""
        await self._changed.wait()
        self._changed.clear()
        assert self._snapshot is not None  # noqa: S101 - set before the event, never unset
        return self._snapshot


class Feed:
    """All readers of one event loop. Polls only while somebody watches a run."""

    def __init__(self) -> None:
        self.pages = Pages()
        self._watches: dict[int, set[Watch]] = {}
        self._nudged = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watch(self, run_id: int) -> Iterator[Watch]:
        watch = Watch()
        self._watches.setdefault(run_id, set()).add(watch)
        self.nudge()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep())
        try:
            yield watch
        finally:
            self._watches[run_id].discard(watch)
            if not self._watches[run_id]:
                del self._watches[run_id]
            if not self._watches:
                self._task.cancel()

    def nudge(self) -> None:
        """Look now: somebody joined, or the channel layer said that there is something."""
        self._nudged.set()

    async def _keep(self) -> None:
        if not notify.crosses_processes():
            await self._poll(POLL_SECONDS)
            return
        listening = asyncio.create_task(notify.listen(self.nudge))
        try:
            await self._poll(SLOW_POLL_SECONDS)
        finally:
            listening.cancel()

    async def _poll(self, interval: float) -> None:
        while True:
            self._nudged.clear()
            try:
                self._show(await database_sync_to_async(read, thread_sensitive=False)(list(self._watches)))
            except DatabaseError as error:
                logger.warning("Watched runs could not be read: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), interval)

    def _show(self, snapshots: dict[int, Snapshot]) -> None:
        for run_id, snapshot in snapshots.items():
            for watch in self._watches.get(run_id, ()):
                watch.show(snapshot)


def read(run_ids: Iterable[int]) -> dict[int, Snapshot]:
    """Steps after their runs would show a step that a run's row does not know of yet; so steps come first."""
    steps: dict[int, list[tuple[Any, ...]]] = {run_id: [] for run_id in run_ids}
    for run_id, *fields in StepRun.objects.filter(run__in=steps).order_by("index").values_list("run_id", *STEP_FIELDS):
        steps[run_id].append(tuple(fields))
    rows = Run.objects.filter(pk__in=steps).values_list("pk", "last_seq", "state", "error", "remedy")
    return {pk: Snapshot(last, state, error, remedy, tuple(steps[pk])) for pk, last, state, error, remedy in rows}


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, Feed] = WeakKeyDictionary()


def current() -> Feed:
    """The feed of the running event loop."""
    return _feeds.setdefault(asyncio.get_running_loop(), Feed())

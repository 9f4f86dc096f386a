"""Rows that many readers watch, read once for all of them: one task an event loop, only while anybody watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from channels.db import database_sync_to_async
from django.db import DatabaseError

logger = logging.getLogger(__name__)
K = TypeVar("K")
S = TypeVar("S")


class Watch(Generic[S]):
    """One reader's view of a watched thing."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._seen: list[S] = []

    def show(self, snapshot: S) -> None:
        if self._seen != [snapshot]:
            self._seen = [snapshot]
            self._changed.set()

    async def next(self) -> S:
        """The newest snapshot, as soon as it differs from the one that was seen last."""
        await self._changed.wait()
        self._changed.clear()
        return self._seen[0]


class Poller(Generic[K, S]):
    """All readers of one event loop. `read` is given the keys of everything that is watched, and runs in a thread."""

    def __init__(self, read: Callable[[list[K]], dict[K, S]], interval: float) -> None:
        self.interval = interval
        self._read = read
        self._watches: dict[K, set[Watch[S]]] = {}
        self._nudged = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watch(self, key: K) -> Iterator[Watch[S]]:
        watch: Watch[S] = Watch()
        self._watches.setdefault(key, set()).add(watch)
        self.nudge()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep())
        try:
            yield watch
        finally:
            self._watches[key].discard(watch)
            if not self._watches[key]:
                del self._watches[key]
            if not self._watches:
                self._task.cancel()

    def nudge(self) -> None:
        """Read now: somebody joined, or there is news."""
        self._nudged.set()

    async def _keep(self) -> None:
        while True:
            self._nudged.clear()
            try:
                self._show(await database_sync_to_async(self._read, thread_sensitive=False)(list(self._watches)))
            except DatabaseError as error:
                logger.warning("Watched rows could not be read: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), self.interval)

    def _show(self, snapshots: dict[K, S]) -> None:
        for key, snapshot in snapshots.items():
            for watch in self._watches.get(key, ()):
                watch.show(snapshot)

"""Log lines into rows: in batches, numbered without gaps, by the holder of the run's lease only."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Self

from django.db import DatabaseError, connection
from django.utils import timezone

from replicas.lifecycle.base import Level
from replicas.lifecycle.fencing import LeaseLost, fenced
from replicas.models import LogLine, Run
from replicas.stream import notify
from replicas.stream.redaction import Redactor

logger = logging.getLogger(__name__)
BATCH_SECONDS = 0.05
BATCH_LINES = 500
BUFFER_LINES = 10_000
HOLD_SECONDS = 0.25
RETRY_SECONDS = 1.0
EMPTY: Mapping[str, Any] = MappingProxyType({})


class Line(NamedTuple):
    """A line that is not stored yet; `at` is when it was written, on both clocks.

    `source`: with this line the output of a detached command is read up to that byte.
    """

    text: str
    level: Level
    step: int | None
    at: datetime
    tick: float
    source: tuple[str, int] | None = None


class LogWriter:
    """Takes lines from any thread and stores them from its own. A lone line is stored at once, a burst in batches."""

    def __init__(self, run_id: int, fence: int, redactor: Redactor) -> None:
        self.run_id, self.fence, self.redactor = run_id, fence, redactor
        self.step: int | None = None
        self._seq, self._offsets = Run.objects.values_list("last_seq", "offsets").get(pk=run_id)
        self._lines: list[Line] = []
        self._changed = threading.Condition()
        self._storing = threading.Lock()
        self._closing = self._lost = False
        self._thread = threading.Thread(target=self._keep, name=f"log-{run_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def offsets(self) -> Mapping[str, int]:
        """Of each detached command: up to which byte its output is stored."""
        return MappingProxyType(self._offsets)

    def forget(self, unit: str) -> None:
        """The command is cleaned up; stored with the next lines."""
        with self._storing:
            self._offsets.pop(unit, None)

    def write(self, text: str, level: Level = "info", *, source: tuple[str, int] | None = None) -> None:
        """Waits while the buffer is full. `source` (unit, offset) is stored with the last line. Raises LeaseLost."""
        now, tick = timezone.now(), time.monotonic()
        lines = [Line(line, level, self.step, now, tick) for line in text.replace("\0", "\ufffd").splitlines() or [""]]
        lines[-1] = lines[-1]._replace(source=source)
        with self._changed:
            self._changed.wait_for(lambda: len(self._lines) < BUFFER_LINES or self._lost)
            self._refuse_when_lost()
            self._lines += lines
            self._changed.notify_all()

    def flush(self, **changes: Any) -> None:
        """Store what was written so far, in the calling thread, and `changes` to the run with it. Raises LeaseLost."""
        self._refuse_when_lost()
        with self._storing:
            self._store(self._lines[:], changes)

    def _keep(self) -> None:
        stored = 0.0
        try:
            while self._wait_for_lines(stored + BATCH_SECONDS):
                stored = time.monotonic()
                self._store_or_retry()
        except LeaseLost:
            logger.warning("Run %s: another worker took over; %s log lines dropped.", self.run_id, len(self._lines))
        finally:
            with self._changed:
                self._lost = True
                self._changed.notify_all()
            connection.close()

    def _wait_for_lines(self, earliest: float) -> bool:
        """Until there may be something to store and its time has come; False when closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._lines) or self._closing)
            self._changed.wait_for(
                lambda: len(self._lines) >= BATCH_LINES or self._closing, max(0, earliest - time.monotonic())
            )
            return bool(self._lines) or not self._closing

    def _store_or_retry(self) -> None:
        try:
            with self._storing:
                batch = self._lines[:BATCH_LINES]
                self._store(batch if self._closing else batch[: self._complete(batch)])
        except DatabaseError as error:
            logger.warning("Run %s: log lines wait for the database: %s", self.run_id, error)
            connection.close()
            time.sleep(RETRY_SECONDS)

    def _store(self, batch: list[Line], changes: Mapping[str, Any] = EMPTY) -> None:
        if not batch and not changes:
            return
        texts = self.redactor.clean("\n".join(line.text for line in batch)).split("\n")
        offsets = self._offsets | dict(line.source for line in batch if line.source)
        with fenced(self.run_id, self.fence, last_seq=self._seq + len(batch), offsets=offsets, **changes):
            LogLine.objects.bulk_create(
                (
                    LogLine(run_id=self.run_id, seq=seq, step=line.step, level=line.level, text=text, at=line.at)
                    for seq, (line, text) in enumerate(zip(batch, texts, strict=False), self._seq + 1)
                ),
                batch_size=BATCH_LINES,
            )
        self._seq, self._offsets = self._seq + len(batch), offsets
        with self._changed:
            del self._lines[: len(batch)]
            self._changed.notify_all()
        notify.reached(self.run_id, self._seq)

    def _complete(self, batch: list[Line]) -> int:
        """How many lines can go now: the last two stay for a moment when a secret may go on in the next line."""
        tail = batch[-2:]
        young = bool(tail) and time.monotonic() - tail[-1].tick < HOLD_SECONDS
        if young and self.redactor.dangling("\n".join(line.text for line in tail)):
            return len(batch) - len(tail)
        return len(batch)

    def _refuse_when_lost(self) -> None:
        if self._lost:
            raise LeaseLost(f"Run {self.run_id}: its log belongs to another worker.")

"""Log lines into rows: in batches, numbered without gaps, by the holder of the run's lease only."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Self

from django.db import Error, connection
from django.utils import timezone

from replicas.lifecycle.base import Level
from replicas.lifecycle.fencing import LeaseLost, fenced
from replicas.models import Run
from replicas.stream import notify, rows
from replicas.stream.redaction import Redactor, width

logger = logging.getLogger(__name__)
BATCH_SECONDS = 0.05
BATCH_LINES = 500
BUFFER_LINES = 10_000
HOLD_SECONDS = 0.25
RETRY_SECONDS = 0.5
LINES_BEFORE = 500
"""So far back a secret may have begun, even if it comes with a character a line."""
LINE_CHARS = 10_000
"""A longer line goes on in the next row, so that a page of lines has a size that can be known."""
EMPTY: Mapping[str, Any] = MappingProxyType({})


class Line(NamedTuple):
    """A line that is not stored yet; `at` is when it was written, on both clocks.

    `more`: the next line was written together with this one, and is stored together with it.
    `source`: with this line the output of a detached command is read up to that byte.
    """

    text: str
    level: Level
    step: int | None
    at: datetime
    tick: float
    more: bool = True
    source: tuple[str, int] | None = None


class LogWriter:
    """Takes lines from any thread and stores them from its own. A lone line is stored at once, a burst in batches.

    While the database is away lines wait for it, until `over` says that the lease may be somebody else's by now.
    """

    def __init__(self, run_id: int, fence: int, redactor: Redactor, over: Callable[[], bool] = lambda: False) -> None:
        self.run_id, self.fence, self.redactor, self._over = run_id, fence, redactor, over
        self.step: int | None = None
        self._seq, self._offsets = Run.objects.values_list("last_seq", "offsets").get(pk=run_id)
        self._errors: dict[int | None, int] = {}
        self._doubtful = False
        self._lines: list[Line] = []
        self._before = deque(rows.last(run_id, self._seq, LINES_BEFORE), LINES_BEFORE)
        """The last lines that are stored: what they have begun, the next one may go on with."""
        self._changed = threading.Condition()
        self._storing = threading.Lock()
        self._closing = self._lost = False
        self._broken: Exception | None = None
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

    @property
    def failing(self) -> int | None:
        """The number of the first error that this writer stored of the current step."""
        return self._errors.get(self.step)

    def forget(self, unit: str) -> None:
        """The command is cleaned up; its offset goes with the next store. Lines that still wait count for nothing."""
        with self._storing, self._changed:
            self._offsets = {name: offset for name, offset in self._offsets.items() if name != unit}
            self._lines = [
                line._replace(source=None) if line.source and line.source[0] == unit else line for line in self._lines
            ]

    def write(self, text: str, level: Level = "info", *, source: tuple[str, int] | None = None) -> None:
        """Waits while the buffer is full. Raises LeaseLost.

        `source` (unit, offset) is stored in the transaction that stores these lines, all of them.
        """
        now, tick = timezone.now(), time.monotonic()
        lines = [Line(line, level, self.step, now, tick) for line in split(text)]
        lines[-1] = lines[-1]._replace(more=False, source=source)
        with self._changed:
            self._changed.wait_for(lambda: len(self._lines) < BUFFER_LINES or self._lost)
            self._refuse_when_lost()
            self._lines += lines
            self._changed.notify_all()

    def flush(self, **changes: Any) -> None:
        """Store what was written so far, in the calling thread, and `changes` to the run with it.

        Raises LeaseLost, and database errors: then the lines stay, and nobody knows whether the changes arrived.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._lost or not self._unfinished, HOLD_SECONDS)
            self._refuse_when_lost()
        with self._storing:
            self._settle_doubt()
            self._store(self._lines[:], changes)

    def _keep(self) -> None:
        stored = 0.0
        try:
            while self._wait_for_lines(stored + BATCH_SECONDS):
                stored = time.monotonic()
                self._store_or_retry()
        except LeaseLost:
            logger.warning("Run %s: another worker took over; %s log lines dropped.", self.run_id, len(self._lines))
        except Exception as error:  # noqa: BLE001 - raised in the thread that writes
            self._broken = error
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
                self._settle_doubt()
                self._store(self._batch())
        except Error as error:
            logger.warning("Run %s: log lines wait for the database: %s", self.run_id, error)
            connection.close()
            time.sleep(RETRY_SECONDS)

    def _store(self, batch: list[Line], changes: Mapping[str, Any] = EMPTY) -> None:
        if not batch and not changes:
            return
        before = self._reach(0)
        texts = self.redactor.clean("\n".join([*before, *(line.text for line in batch)])).split("\n")[len(before) :]
        offsets = self._offsets | dict(line.source for line in batch if line.source)
        self._doubtful = True
        with fenced(self.run_id, self.fence, last_seq=self._seq + len(batch), offsets=offsets, **changes):
            if batch:
                rows.insert(self.run_id, self._seq + 1, batch, texts)
        self._stored(len(batch), offsets)
        self._doubtful = False
        notify.reached(self.run_id, self._seq)

    def _settle_doubt(self) -> None:
        """After an error in the middle of a commit only the row knows whether the last batch arrived."""
        self._refuse_when_lost()
        if self._doubtful:
            with fenced(self.run_id, self.fence):
                seq, offsets = Run.objects.values_list("last_seq", "offsets").get(pk=self.run_id)
            self._stored(seq - self._seq, offsets)
            self._doubtful = False

    def _stored(self, count: int, offsets: dict[str, int]) -> None:
        with self._changed:
            for seq, line in enumerate(self._lines[:count], self._seq + 1):
                if line.level == "error":
                    self._errors.setdefault(line.step, seq)
            self._seq, self._offsets = self._seq + count, offsets
            self._before.extend(line.text for line in self._lines[:count])
            del self._lines[:count]
            self._changed.notify_all()

    def _batch(self) -> list[Line]:
        """What can go now: whole writes, BATCH_LINES or a few more.

        Where a secret may go on in the next line, it does not end: that line is there already, or comes within a
        moment, or not at all.
        """
        lines = self._lines
        end = _end_of_write(lines, min(BATCH_LINES, len(lines)))
        while end < len(lines) and self._begun(end) < end:
            end = _end_of_write(lines, end + 1)
        young = bool(lines) and time.monotonic() - lines[-1].tick < HOLD_SECONDS
        if young and end == len(lines) and not self._closing:
            end = self._begun(end)
            while end and lines[end - 1].more:
                end -= 1
        return lines[:end]

    @property
    def _unfinished(self) -> bool:
        return self._begun(len(self._lines)) < len(self._lines)

    def _begun(self, end: int) -> int:
        """With which line a secret may have begun that goes on with the line `end`; `end` where there is none."""
        return max(0, end - self.redactor.dangling("\n".join(self._reach(end))))

    def _reach(self, end: int) -> list[str]:
        """What comes before the line `end`, stored or not, as far back as a secret can begin that goes on with it."""
        reach, texts = self.redactor.reach, []
        waiting = (self._lines[at].text for at in range(end - 1, -1, -1))
        for text in itertools.chain(waiting, reversed(self._before)):
            if reach <= 0:
                break
            texts.append(text)
            reach -= width(text)
        return texts[::-1]

    def _refuse_when_lost(self) -> None:
        if self._broken is not None:
            raise RuntimeError(f"Run {self.run_id}: its log cannot be written.") from self._broken
        if self._lost or self._over():
            raise LeaseLost(f"Run {self.run_id}: its log belongs to another worker.")


def _end_of_write(lines: list[Line], end: int) -> int:
    while end < len(lines) and lines[end - 1].more:
        end += 1
    return end


def settled(text: str) -> str:
    """What a terminal shows in the end: of a line that carriage returns rewrite, its last state."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")) if "\r" in text else text


def split(text: str) -> Iterator[str]:
    """The lines of a text, as every database can hold them; at least one."""
    for line in settled(text).replace("\0", "\ufffd").encode("utf-8", "replace").decode().splitlines() or [""]:
        yield from (line[start : start + LINE_CHARS] for start in range(0, len(line) or 1, LINE_CHARS))

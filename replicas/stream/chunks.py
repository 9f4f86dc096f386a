"""Old logs, compressed: an ended run's rows become chunks of some thousand lines, which readers do not notice."""

from __future__ import annotations

import itertools
import json
import lzma
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from replicas.choices import RUN_TERMINAL
from replicas.models import LogChunk, LogLine, Run

CHUNK_LINES = 5000
CHUNKS_A_LOOK = 10
"""So many at a time, so that whoever compresses beside other work is soon back at it."""
COLUMNS = ("seq", "at", "level", "step", "text")
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 1}]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Line(NamedTuple):
    """A stored line, wherever it is stored."""

    seq: int
    at: datetime
    level: str
    step: int | None
    text: str


def pack(lines: Sequence[Line]) -> bytes:
    """The lines without their numbers, by columns: what repeats from line to line is said once."""
    content = {
        "at": _runs((line.at - EPOCH) // MICROSECOND for line in lines),
        "level": _runs(line.level for line in lines),
        "step": _runs(line.step for line in lines),
        "text": "\n".join(line.text for line in lines),
    }
    plain = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return lzma.compress(plain, filters=FILTERS)


def unpack(content: bytes, first: int) -> list[Line]:
    """What `pack` was given, numbered from `first` on."""
    columns: dict[str, Any] = json.loads(lzma.decompress(content))
    texts = columns["text"].split("\n")
    at = _spread((EPOCH + microseconds * MICROSECOND, count) for microseconds, count in columns["at"])
    level, step = _spread(columns["level"]), _spread(columns["step"])
    return list(map(Line, range(first, first + len(texts)), at, level, step, texts))


@lru_cache(maxsize=8)
def unpacked(content: bytes, first: int) -> tuple[Line, ...]:
    """The same, remembered: pages are smaller than chunks."""
    return tuple(unpack(content, first))


def rested() -> QuerySet[Run]:
    """Runs that ended PORTAL_LOG_CHUNK_HOURS ago and still have rows."""
    before = timezone.now() - timedelta(hours=settings.LOG_CHUNK_HOURS)
    rows = LogLine.objects.filter(run=OuterRef("pk"))
    return Run.objects.filter(Exists(rows), state__in=RUN_TERMINAL, finished_at__lte=before).order_by("pk")


def compress_some(limit: int = CHUNKS_A_LOOK) -> int:
    """Turn rows of rested runs into at most `limit` chunks; says how many it were."""
    made = 0
    for run_id in rested().values_list("pk", flat=True)[:limit]:
        while made < limit and compress_next(run_id):
            made += 1
    return made


def compress_next(run_id: int) -> bool:
    """The run's first rows become a chunk; False when there are none, or the run goes on again.

    Read and compressed outside of the transaction, which is short: rows never change, and numbers are never reused.
    """
    rows = LogLine.objects.filter(run=run_id).order_by("seq").values_list(*COLUMNS)[:CHUNK_LINES]
    lines = [Line(*row) for row in rows]
    if not lines:
        return False
    first, last = lines[0].seq, lines[-1].seq
    content = pack(lines)
    with transaction.atomic():
        ended = Run.objects.select_for_update().filter(pk=run_id, state__in=RUN_TERMINAL)
        if not ended.exists():
            return False
        deleted, _ = LogLine.objects.filter(run=run_id, seq__range=(first, last)).delete()
        if deleted == len(lines):
            LogChunk.objects.create(run_id=run_id, first_seq=first, last_seq=last, content=content)
        else:
            # Somebody else was faster; the rows that he left are for the next call.
            transaction.set_rollback(True)
    return deleted == len(lines)


def _runs(values: Iterable[Any]) -> list[tuple[Any, int]]:
    return [(value, sum(1 for _ in same)) for value, same in itertools.groupby(values)]


def _spread(runs: Iterable[Any]) -> Iterable[Any]:
    return itertools.chain.from_iterable(itertools.repeat(value, count) for value, count in runs)

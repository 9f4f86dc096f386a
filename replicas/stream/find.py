"""Looking through a run's log for lines, a bounded stretch at a time: nobody waits for a million lines at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import and_
from typing import NamedTuple, get_args

from django.db.models import Q

from replicas.lifecycle.base import Level
from replicas.models import LogLine
from replicas.stream import ansi
from replicas.stream.chunks import COLUMNS, Line
from replicas.stream.lines import chunks, opened, page

ROWS_A_LOOK = 50_000
CHUNKS_A_LOOK = 3
"""Either takes a database or a processor a few hundredths of a second."""
ASCII = re.compile(r"[\x00-\x7f]+")
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the least important to the most."""


class Query(NamedTuple):
    """What a line must have: the text, in whatever case; the step; the level, or a more important one."""

    text: str = ""
    step: int | None = None
    level: Level = "debug"

    def __bool__(self) -> bool:
        return self != Query()

    @property
    def levels(self) -> tuple[Level, ...]:
        return LEVELS[LEVELS.index(self.level) :]

    def of(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Those that match."""
        step, levels, text = self.step, frozenset(self.levels), self.text.lower()
        for line in lines:
            wanted = line.level in levels and (step is None or line.step == step)
            if wanted and (not text or text in ansi.plain(line.text).lower()):
                yield line


class Found(NamedTuple):
    """The lines that match, in order, and up to which number every line was looked at."""

    lines: list[Line]
    looked: int


def find(run_id: int, query: Query, after: int, last: int, limit: int) -> Found:
    """At most `limit` lines of those after number `after`, of a log that ends with `last`.

    Ends early, with `looked` short of `last`, when that was enough work for once. Rows are read before chunks, so that
    a line that is compressed meanwhile is found twice and taken once (see lines.py).
    """
    if not query:
        lines = page(run_id, after, max(0, min(limit, last - after)))
        return Found(lines, lines[-1].seq if lines else after)
    end = max(after, min(last, after + ROWS_A_LOOK))
    likely = _rows(run_id, query, after, end, limit)
    if len(likely) == limit:
        end = likely[-1].seq
    compressed, end = _compressed(run_id, after, end)
    found = {line.seq: line for line in query.of((*likely, *compressed)) if line.seq <= end}
    lines = [found[seq] for seq in sorted(found)[:limit]]
    return Found(lines, end if len(lines) == len(found) else lines[-1].seq)


def _compressed(run_id: int, after: int, end: int) -> tuple[list[Line], int]:
    """The lines of the first few chunks, and the end of the look: where the first chunk too many would begin."""
    some = list(chunks(run_id, range(after + 1, end + 1))[: CHUNKS_A_LOOK + 1])
    if len(some) > CHUNKS_A_LOOK:
        end = some.pop()[0] - 1
    return opened(some, range(after + 1, end + 1)), end


def _rows(run_id: int, query: Query, after: int, end: int, limit: int) -> list[Line]:
    """Rows that may match. Not every database knows the case of letters beyond ASCII, and colours may be in a word."""
    rows = LogLine.objects.filter(run=run_id, seq__gt=after, seq__lte=end)
    if query.step is not None:
        rows = rows.filter(step=query.step)
    if query.levels != LEVELS:
        rows = rows.filter(level__in=query.levels)
    if query.text:
        words = (Q(text__icontains=word) for word in ASCII.findall(query.text))
        rows = rows.filter(reduce(and_, words, Q()) | Q(text__contains=ansi.ESCAPE))
    return list(map(Line._make, rows.order_by("seq").values_list(*COLUMNS)[:limit]))

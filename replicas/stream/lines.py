"""A run's log as its readers see it: lines by number, be they in rows or in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from replicas.models import LogChunk, LogLine, Run
from replicas.stream.chunks import CHUNK_LINES, COLUMNS, Line, unpacked


def page(run_id: int, after: int, limit: int) -> list[Line]:
    """The lines that follow number `after`, at most `limit`: without a gap, whatever is compressed meanwhile.

    Rows are read first. Those that were gone by then are in chunks, which are read after them; rows that became a chunk
    in between are found twice and taken once.
    """
    wanted = range(after + 1, after + limit + 1)
    rows = _rows(run_id, wanted)
    missing = range(wanted.start, rows[0].seq if rows else wanted.stop)
    return [*from_chunks(run_id, missing), *rows] if missing else rows


def everything(run_id: int) -> Iterator[list[Line]]:
    """The whole log as it is now, in pages."""
    last = Run.objects.values_list("last_seq", flat=True).get(pk=run_id)
    after = 0
    while after < last:
        lines = page(run_id, after, min(CHUNK_LINES, last - after))
        yield lines
        after = lines[-1].seq


def _rows(run_id: int, wanted: range) -> list[Line]:
    rows = LogLine.objects.filter(run=run_id, seq__gte=wanted.start, seq__lt=wanted.stop).order_by("seq")
    return list(map(Line._make, rows.values_list(*COLUMNS)))


def from_chunks(run_id: int, wanted: range) -> list[Line]:
    """Those of the lines that are compressed by now."""
    return opened(chunks(run_id, wanted), wanted)


def chunks(run_id: int, wanted: range) -> QuerySet[LogChunk, tuple[int, bytes | memoryview[int]]]:
    """The chunks that hold some of the lines: number of the first line, and content, in order."""
    found = LogChunk.objects.filter(run=run_id, last_seq__gte=wanted.start, first_seq__lt=wanted.stop)
    return found.order_by("first_seq").values_list("first_seq", "content")


def opened(found: Iterable[tuple[int, bytes | memoryview[int]]], wanted: range) -> list[Line]:
    """Those of the lines that are in these chunks."""
    return [
        line
        for first, content in found
        for line in unpacked(bytes(content), first)[max(0, wanted.start - first) : wanted.stop - first]
    ]

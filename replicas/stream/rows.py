"""Log lines as rows: written many at a time, and the last ones read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from django.db import connection

from replicas.models import LogLine

COLUMNS = ("run_id", "seq", "step", "level", "text", "at")


class Unstored(Protocol):
    """What there is to know of a line besides its number and its text."""

    @property
    def step(self) -> int | None: ...
    @property
    def level(self) -> str: ...
    @property
    def at(self) -> datetime: ...


def insert(run_id: int, first: int, lines: Sequence[Unstored], texts: Sequence[str]) -> None:
    """Number the lines from `first` on and insert them, each with its text, in the caller's transaction.

    Not by bulk_create: making a model of each line, and one statement of 3,000 parameters, takes four times as long.
    """
    columns = ", ".join(map(connection.ops.quote_name, COLUMNS))
    into = f"INSERT INTO {connection.ops.quote_name(LogLine._meta.db_table)} ({columns})"
    if connection.vendor == "postgresql":
        _as_arrays(into, run_id, first, lines, texts)
    else:
        _one_by_one(into, run_id, first, lines, texts)


def last(run_id: int, seq: int, count: int) -> list[str]:
    """The texts of so many lines at most up to number `seq`, in order."""
    found = LogLine.objects.filter(run=run_id, seq__range=(seq - count + 1, seq)).order_by("seq")
    return list(found.values_list("text", flat=True))


def _as_arrays(into: str, run_id: int, first: int, lines: Sequence[Unstored], texts: Sequence[str]) -> None:
    """One statement with four parameters, of any number of lines: a server executes each statement by itself."""
    arrays = "unnest(%s::int[], %s::text[], %s::text[], %s::timestamptz[])"
    rows = f"{arrays} WITH ORDINALITY AS line (step, level, text, at, n)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"{into} SELECT %s, %s + n - 1, step, level, text, at FROM {rows}",  # noqa: S608 - names of our own
            (
                run_id,
                first,
                [line.step for line in lines],
                [line.level for line in lines],
                list(texts),
                [line.at for line in lines],
            ),
        )


def _one_by_one(into: str, run_id: int, first: int, lines: Sequence[Unstored], texts: Sequence[str]) -> None:
    """A prepared statement for each line: a library within the process loses nothing by it."""
    moments = {at: connection.ops.adapt_datetimefield_value(at) for at in {line.at for line in lines}}
    with connection.cursor() as cursor:
        cursor.executemany(
            f"{into} VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (run_id, seq, line.step, line.level, text, moments[line.at])
                for seq, (line, text) in enumerate(zip(lines, texts, strict=True), first)
            ],
        )

"""Whether the history is what was written: every event from the first, against its head and the signed checkpoints."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from django.db import connection

from replicas.audit import GENESIS, canonical
from replicas.audit.checkpoints import Checkpoint
from replicas.models import AuditHead

AT_A_TIME = 5000
NEVER = 2**63
Row: TypeAlias = "tuple[int, str, str, dict[str, Any]]"
"""An event as it lies in the database: number, digest of the one before, digest, and what that is made of."""
_COLUMNS = "actor,verb,kind,object_id,label,address,reason,before,after,request_id,previous,digest"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, and the first thing that is wrong: the event's number where one can be named."""

    events: int
    checkpoints: int
    seconds: float
    problem: str = ""
    event: int | None = None


class _Wrong(Exception):
    def __init__(self, problem: str, event: int | None) -> None:
        super().__init__(problem)
        self.problem, self.event = problem, event


def verify(checkpoints: Sequence[Checkpoint] = ()) -> Verdict:
    """Follow the chain from its first event.

    Finds events that were edited, deleted, inserted or put in another order; by the head, which a trigger moves with
    every event, a history that was cut short; by checkpoints, one that was written anew as a whole.
    """
    started, walk = time.monotonic(), _Walk(AuditHead.objects.first(), checkpoints)
    try:
        walk.follow(_from_postgresql() if connection.vendor == "postgresql" else _from_sqlite())
        walk.end()
    except _Wrong as wrong:
        return Verdict(walk.seen, len(checkpoints), time.monotonic() - started, wrong.problem, wrong.event)
    return Verdict(walk.seen, len(checkpoints), time.monotonic() - started)


class _Walk:
    """From event to event. The head was read before the first one: later events are only followed."""

    def __init__(self, head: AuditHead | None, checkpoints: Sequence[Checkpoint]) -> None:
        self._head_id = head.last_id if head else 0
        self._head = (head.digest, head.events) if head else None
        self._marks = iter(sorted(checkpoints))
        self._mark = next(self._marks, None)
        self._agreed = 0
        self._last, self._digest = 0, GENESIS
        self.seen = 0
        self._watch()

    def follow(self, rows: Iterable[Row]) -> None:
        """Every event fits, or _Wrong is raised. Written for speed: there are millions."""
        sha256, dumps, sort = hashlib.sha256, orjson.dumps, orjson.OPT_SORT_KEYS
        for row in rows:
            pk, previous, digest, fields = row
            # The same bytes as the canonical form when everything is ASCII, and many times faster.
            fits = sha256(dumps(fields, option=sort)).hexdigest() == digest
            if previous != self._digest or not (fits or sha256(canonical(fields)).hexdigest() == digest):
                raise self._misfit(row)
            self._last, self._digest = pk, digest
            self.seen += 1
            if pk >= self._watched:
                self._compare()

    def _misfit(self, row: Row) -> _Wrong:
        if row[1] == self._digest:
            return _Wrong(f"Event {row[0]} was changed: its digest does not fit what it says.", row[0])
        after = f"event {self._last}" if self._last else "the beginning"
        return _Wrong(
            f"Event {row[0]} does not follow {after}: what was between them was deleted, or events were inserted or "
            "put in another order.",
            row[0],
        )

    def _compare(self) -> None:
        """With the head and the checkpoints that are due."""
        self._pass_marks()
        if self._last == self._head_id and (self._digest, self.seen) != self._head:
            raise _Wrong(f"Event {self._last} is not the one that the history ended with.", self._last)
        self._watch()

    def _watch(self) -> None:
        ahead = [self._head_id] if self._head_id > self._last else []
        self._watched = min(ahead + ([self._mark.event] if self._mark else []), default=NEVER)

    def end(self) -> None:
        """Nothing is missing after the last event."""
        if self._head is None and self.seen:
            raise _Wrong("The record of the history's end is gone.", None)
        if self._head_id > self._last:
            end = f"it ended with event {self._head_id}, now with event {self._last}"
            raise _Wrong(f"The history was cut short: {end}.", self._last + 1)
        if self._mark is not None:
            raise _Wrong(self._rewritten(self._mark), self._last + 1)

    def _pass_marks(self) -> None:
        while self._mark is not None and self._mark.event <= self._last:
            if (self._mark.event, self._mark.digest) != (self._last, self._digest):
                raise _Wrong(self._rewritten(self._mark), self._mark.event)
            self._agreed, self._mark = self._last, next(self._marks, None)

    def _rewritten(self, mark: Checkpoint) -> str:
        return (
            f"Event {mark.event} is not the one that was signed at {mark.at}: the history was written anew, or cut "
            f"short, somewhere after event {self._agreed}."
        )


def _from_sqlite() -> Iterator[Row]:
    loads = orjson.loads
    with connection.cursor() as cursor:
        # CAST keeps Django's converters of dates away, which would take most of the time.
        cursor.execute(f"SELECT id, CAST(at AS TEXT), {_COLUMNS} FROM replicas_auditevent ORDER BY id")  # noqa: S608
        while found := cursor.fetchmany(AT_A_TIME):
            for (
                pk, at, actor, verb, kind, object_id, label, address, reason, before, after, request, previous, digest,
            ) in found:  # fmt: skip
                fields = {
                    "actor": actor,
                    "address": address,
                    "after": after and loads(after),
                    "at": f"{at.replace(' ', 'T')}+00:00",
                    "before": before and loads(before),
                    "kind": kind,
                    "label": label,
                    "object_id": object_id,
                    "previous": previous,
                    "reason": reason,
                    "verb": verb,
                }
                if request:
                    fields["request_id"] = request
                yield pk, previous, digest, fields


def _from_postgresql() -> Iterator[Row]:
    """COPY's text format: tabs between the fields, and a backslash before what would be taken for something else."""
    plain = "CAST(at AS text)," + ",".join(
        f"COALESCE(CAST({name} AS text), '')" if name in ("before", "after", "request_id") else name
        for name in _COLUMNS.split(",")
    )
    loads = orjson.loads
    connection.ensure_connection()
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(f"COPY (SELECT id, {plain} FROM replicas_auditevent ORDER BY id) TO STDOUT") as stream,  # noqa: S608
    ):
        for piece in stream:
            cells = str(piece, "utf-8")[:-1].split("\t")
            if b"\\" in bytes(piece):
                cells = [_ESCAPED.sub(_unescape, cell) for cell in cells]
            (
                pk, at, actor, verb, kind, object_id, label, address, reason, before, after, request, previous, digest,
            ) = cells  # fmt: skip
            moment = at[:-3]  # the session's zone is UTC: +00
            fields = {
                "actor": actor,
                "address": address,
                "after": loads(after) if after else None,
                "at": f"{moment.ljust(26, '0') if '.' in moment else moment}+00:00".replace(" ", "T"),
                "before": loads(before) if before else None,
                "kind": kind,
                "label": label,
                "object_id": object_id,
                "previous": previous,
                "reason": reason,
                "verb": verb,
            }
            if request:
                fields["request_id"] = request
            yield int(pk), previous, digest, fields


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescape(found: re.Match[str]) -> str:
    return _MEANT.get(found[1], found[1])

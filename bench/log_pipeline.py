"""What the log pipeline can do, beside what one would do instead: `python -m bench.log_pipeline`.

With DATABASE_URL set (`python -m script.services python -m bench.log_pipeline`) on PostgreSQL instead of SQLite. Works
in a test database that is made and removed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.db import connection  # noqa: E402 - needs set-up Django
from django.utils import timezone  # noqa: E402

from replicas.choices import RunState  # noqa: E402
from replicas.lifecycle import lease as leases  # noqa: E402
from replicas.models import LogChunk, LogLine, Run  # noqa: E402
from replicas.stream import chunks, lines, pages  # noqa: E402
from replicas.stream.redaction import Redactor  # noqa: E402
from replicas.stream.writer import LogWriter  # noqa: E402
from tests.replicas.lifecycle.rows import make_run  # noqa: E402

LINES, ONE_BY_ONE, FOLLOWERS = 100_000, 3_000, 50
TEXTS = [f"entry {n} of {LINES}: uid=user{n * 7919 % 10007},cn=users,cn=accounts,dc=example" for n in range(LINES)]


def main() -> None:
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        print(connection.vendor)
        run = make_run()
        assert leases.claim(run.pk)
        written = write(run)
        single = write_one_by_one(run)
        print(f"  {written / single:.0f} times as many lines a second as a transaction for each")
        fan_out(run)
        compress(run)
    finally:
        name = str(connection.settings_dict["NAME"])
        connection.creation.destroy_test_db(name, verbosity=0)


def write(run: Run) -> float:
    """Lines a second through the writer, in pieces as they come from a host, with two secrets to look for."""
    redactor = Redactor("correct-horse-battery", "another-secret-of-the-run")
    with timed() as seconds, LogWriter(run.pk, 1, redactor) as writer:
        for first in range(0, LINES, 500):
            writer.write("\n".join(TEXTS[first : first + 500]), source=("unit", first))
    return rate("lines written by the writer", LINES, seconds[0])


def write_one_by_one(run: Run) -> float:
    with timed() as seconds:
        for seq, text in enumerate(TEXTS[:ONE_BY_ONE], 2 * LINES):
            LogLine.objects.create(run=run, seq=seq, level="info", text=text, at=timezone.now())
    LogLine.objects.filter(run=run, seq__gte=2 * LINES).delete()
    return rate("lines written one by one", ONE_BY_ONE, seconds[0])


def fan_out(run: Run) -> None:
    """Reading and encoding for many: once for all, and once for each."""
    with timed() as seconds:
        for after in range(0, LINES, pages.PAGE_LINES):
            pages._encoded(run.pk, after, after + pages.PAGE_LINES)
    shared = rate(f"lines a follower, {FOLLOWERS} sharing pages", LINES, seconds[0])
    print(f"  {shared:,.0f} instead of {shared / FOLLOWERS:,.0f} lines a second when each reads for itself")


def compress(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED, finished_at=timezone.now())
    plain = sum(len(text) for text in TEXTS)
    with timed() as seconds:
        while chunks.compress_next(run.pk):
            pass
    rate("lines compressed", LINES, seconds[0])
    packed = sum(len(bytes(content)) for content in LogChunk.objects.values_list("content", flat=True))
    print(f"  {plain / packed:.1f} times smaller than their text alone")
    with timed() as seconds:
        read = sum(len(page) for page in lines.everything(run.pk))
    assert read == LINES
    rate("lines read from chunks", LINES, seconds[0])


@contextmanager
def timed() -> Iterator[list[float]]:
    taken = [0.0]
    started = time.monotonic()
    yield taken
    taken[0] = time.monotonic() - started


def rate(what: str, count: int, seconds: float) -> float:
    print(f"  {what:<42}{count / seconds:>12,.0f} a second")
    return count / seconds


if __name__ == "__main__":
    main()

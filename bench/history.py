"""A history of a million events: verifying it, and its page: `python -m bench.history [EVENTS]`.

With DATABASE_URL set (`python -m script.services python -m bench.history`) on PostgreSQL instead of SQLite. Works in a
test database that is made and removed. Beside it, what one would write first: the rows as objects, and json.dumps.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402 - needs set-up Django
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

from replicas import audit  # noqa: E402
from replicas.audit import chain  # noqa: E402
from replicas.choices import Role  # noqa: E402
from replicas.models import AuditEvent  # noqa: E402

EVENTS, ROUNDS, BATCH, PEOPLE, REPLICAS = 1_000_000, 9, 10_000, 50, 10_000
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
PAGES = {
    "newest": "",
    "one person": "?actor=operator7",
    "one kind": "?kind=plan",
    "person and kind": "?actor=operator7&kind=plan",
    "a rare word": "?text=needle",
    "an object": "?label=host4711",
    "a day in the middle": "?since=2024-04-01&until=2024-04-01",
    "page 1,000": "?before=950000",
}
KINDS = (("replica", "replica:request"), ("plan", "plan:approve"), ("run", "run:start"), ("run", "run:succeed"))


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    setup_test_environment()
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        fill(number)
        print(f"{connection.vendor}, {number:,} events")
        found = chain.verify()
        assert not found.problem, found.problem
        print(f"  verified in {found.seconds:.1f} s, {number / found.seconds:,.0f} events/s")
        plain = as_written_first(number)
        print(f"  as one would write it first: {plain:.1f} s, {plain / found.seconds:.1f} times as long")
        pages()
    finally:
        name = str(connection.settings_dict["NAME"])
        connection.creation.destroy_test_db(name, verbosity=0)


def fill(number: int) -> None:
    chance, previous = random.Random(7), audit.GENESIS  # noqa: S311 - the same events every time
    for first in range(1, number + 1, BATCH):
        batch = []
        for n in range(first, min(first + BATCH, number + 1)):
            event = make(n, chance, previous)
            event.digest = previous = audit.digest(event)
            batch.append(event)
        AuditEvent.objects.bulk_create(batch)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def make(n: int, chance: random.Random, previous: str) -> AuditEvent:
    kind, verb = KINDS[n % len(KINDS)]
    replica = chance.randrange(REPLICAS)
    return AuditEvent(
        at=BEGAN + timedelta(seconds=17 * n),
        actor=f"operator{chance.randrange(PEOPLE)}",
        verb=verb,
        kind=kind,
        object_id=str(replica),
        label=f"Install replica: host{replica}.example.com",
        address="192.0.2.77",
        reason="needed for the new site" if n % 3 else "",
        before={"state": "waiting"},
        after={"state": "approved", "digest": hashlib.sha256(str(n).encode()).hexdigest()},
        request_id=f"{n:016x}",
        previous=previous,
    )


def as_written_first(number: int) -> float:
    started, previous = time.monotonic(), audit.GENESIS
    for event in AuditEvent.objects.order_by("pk").iterator(chunk_size=2000):
        assert event.previous == previous, event.digest == audit.digest(event)
        previous = audit.digest(event)
    return time.monotonic() - started


def pages() -> None:
    user = User.objects.create_user("auditor")
    user.groups.add(Group.objects.get(name=Role.VIEWER))
    client = Client()
    client.force_login(user)
    for name, query in PAGES.items():
        times = sorted(measured(client, f"/history/{query}"))
        print(
            f"  page, {name:<20} median {1000 * statistics.median(times):5.0f} ms, slowest {1000 * times[-1]:5.0f} ms"
        )
    times = sorted(measured(client, "/history/replica/4711/"))
    print(f"  timeline of a replica      median {1000 * statistics.median(times):5.0f} ms")


def measured(client: Any, where: str) -> Iterator[float]:
    client.get(where)
    for _ in range(ROUNDS):
        started = time.monotonic()
        assert client.get(where).status_code == 200
        yield time.monotonic() - started


if __name__ == "__main__":
    main()

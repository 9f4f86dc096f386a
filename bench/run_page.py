"""Server time of a run's page and of looking through its log, with 1,000,000 lines: `python -m bench.run_page [LINES]`.

With DATABASE_URL set (`python -m script.services python -m bench.run_page`) on PostgreSQL instead of SQLite. First the
lines are rows, as of a run that has just ended, then chunks. Works in a test database that is made and removed.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.conf import settings  # noqa: E402 - needs set-up Django
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402

from replicas.choices import PlanState, ReplicaState, RunState  # noqa: E402
from replicas.models import Run  # noqa: E402
from replicas.stream import chunks, rows  # noqa: E402
from replicas.stream.writer import Line  # noqa: E402
from tests.replicas.views import world  # noqa: E402

Asked = dict[str, str | int]
ROUNDS, BATCH = 21, 5000
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def main(lines: int) -> None:
    setup_test_environment()
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.endswith("StaticFiles")]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        print(f"{connection.vendor}, {lines:,} lines; load {os.getloadavg()[0]:.1f}")
        run, client = prepare(lines), Client()
        client.force_login(User.objects.get(username="viewer"))
        measure(client, run, "rows")
        while chunks.compress_next(run.pk):
            pass
        measure(client, run, "chunks")
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)


def prepare(lines: int) -> Run:
    """A failed run with so many lines, a hundredth of them warnings; one of a kind is in the middle."""
    people = world.cast()
    replica = world.request(world.realm_with_master(), "talkative.example.com", people["operator"], ReplicaState.FAILED)
    run = world.run_of(world.plan_of(replica, PlanState.APPROVED), RunState.FAILED, 6, error="UDP 88.", last_seq=lines)
    for first in range(1, lines + 1, BATCH):
        numbers = range(first, min(first + BATCH, lines + 1))
        texts = [f"entry {n} of {lines}: uid=user{n * 7919 % 10007},cn=users,cn=accounts,dc=example" for n in numbers]
        if lines // 2 in numbers:
            texts[lines // 2 - first] = "a needle"
        made = [
            Line(text, "warning" if n % 100 == 0 else "info", n * 10 // (lines + 1), BEGAN + timedelta(seconds=n), 0.0)
            for n, text in zip(numbers, texts, strict=True)
        ]
        with transaction.atomic():
            rows.insert(run.pk, first, made, texts)
    Run.objects.filter(pk=run.pk).update(finished_at=BEGAN)
    return run


def measure(client: Client, run: Run, stored: str) -> None:
    page, find = f"/runs/{run.pk}/", f"/runs/{run.pk}/find"
    middle = run.last_seq // 2
    addresses: tuple[tuple[str, str, Asked], ...] = (
        ("the page", page, {}),
        ("the page in the middle", page, {"after": middle}),
        ("the page, searching in vain", page, {"q": "nowhere"}),
        ("200 lines anywhere", find, {"after": middle}),
        ("one look, text that is rare", find, {"q": "Needle", "after": middle - 40_000}),
        ("one look, text that is frequent", find, {"q": "uid=user1", "after": middle}),
        ("one look, warnings of the last step", find, {"level": "warning", "step": 9}),
    )
    for what, address, asked in addresses:
        report(f"{stored}: {what}", client, address, asked)
    looks, after, began = 0, 0, time.perf_counter()
    while after < run.last_seq:
        after = client.get(find, {"q": "nowhere", "after": str(after)}).json()["looked"]
        looks += 1
    print(f"  {stored + ': the whole log, in vain':<46}{time.perf_counter() - began:7.1f} s in {looks} looks")


def report(what: str, client: Client, address: str, asked: Asked) -> None:
    taken = []
    for _ in range(ROUNDS):
        chunks.unpacked.cache_clear()
        began = time.perf_counter()
        assert client.get(address, asked).status_code == 200
        taken.append(1000 * (time.perf_counter() - began))
    with CaptureQueriesContext(connection) as queries:
        client.get(address, asked)
    print(f"  {what:<46}{statistics.median(taken):7.1f} ms, {len(queries)} queries")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)

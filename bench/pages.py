"""Server time of every page of a portal with many rows: `python -m bench.pages [REPLICAS [LINES [EVENTS]]]`.

10,000 replicas in realms of 60 servers, each of which was looked at, with their plans, runs, bundles, notices and
deliveries; one run with 1,000,000 lines and a history of 1,000,000 events, unless others are asked for. The admin's
pages are among them. With DATABASE_URL set (`python -m script.services python -m bench.pages`) on PostgreSQL instead of
SQLite. Works in a test database that is made and removed. Beside the time that passes stands what this process itself
needed of the processor, which says more where others work too: SQLite is in it, PostgreSQL is not. Ends with status 1
when the median of a page is 100 ms or more, or when one needs more than 12 queries.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.apps import apps  # noqa: E402 - needs set-up Django
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.db.models import Model  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import history, looks  # noqa: E402
from replicas.admin import MOST_ROWS  # noqa: E402
from replicas.choices import NoticeKind, PlanState, ReplicaState, RunState, StepState  # noqa: E402
from replicas.models import (  # noqa: E402
    Bundle,
    Delivery,
    HostKey,
    LogLine,
    Master,
    Notice,
    Plan,
    Realm,
    RealmLook,
    Replica,
    Run,
    StepRun,
)
from tests.replicas.views.conftest import World, make  # noqa: E402
from tests.replicas.views.test_access import PAGES, address  # noqa: E402
from tests.replicas.views.test_queries import ADMIN, MOST  # noqa: E402
from tests.replicas.views.test_queries import who as reader  # noqa: E402

M = TypeVar("M", bound=Model)
REPLICAS, LINES, EVENTS = 10_000, 1_000_000, 1_000_000
ROUNDS, BATCH, LIMIT_MS = 11, 2000, 100
SERVERS, NAME_SERVERS = 60, 6
"""Of a realm: FreeIPA is made for 60 servers at most."""
LAST_PAGE = 100
"""Of a list of the admin that has MOST_ROWS."""
WAITING_EVERY, RUNNING_EVERY, FAILED_EVERY = 40, 500, 25
AWAY = {"run_log", "history_export", "replica_bulk_example", "master_host_key", "replica_host_key"}
"""Streams, and pages that ask a host before they answer."""
MORE = {
    "replicas": ("?state=failed", "?hostname=host47", "?page=200"),
    "bundles": ("?state=used", "?page=200"),
    "approvals": ("?page=5", "?past-page=100"),
    "history": ("?actor=operator7", "?text=needle", "?kind=plan"),
    "notices": ("?page=100",),
    "realms": ("?page=3",),
    "realm_dns": ("?page=20",),
    "run": ("?after=500000", "?q=nowhere"),
    "run_find": ("?q=Needle&after=460000",),
}
"""What readers add to an address."""


def main() -> int:
    replicas, lines, events = (
        int(given) for given in (sys.argv[1:] + [str(n) for n in (REPLICAS, LINES, EVENTS)][len(sys.argv) - 1 :])
    )
    setup_test_environment()
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.endswith("StaticFiles")]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", Path(folder, "keys")
            settings.SSH_KEY_FILE = Path(folder, "ssh", "id")
            began = time.monotonic()
            history.fill(events)
            world = fill(replicas, lines)
            filled = time.monotonic() - began
            print(f"{connection.vendor}: {replicas:,} replicas, {lines:,} lines, {events:,} events ({filled:.0f} s)")
            return report(world)
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)


def fill(replicas: int, lines: int) -> World:
    """The world of the tests, and the same many times over."""
    world = make()
    root, operator = world.people["root"], world.people["operator"]
    masters = [world.master, *more_masters(replicas // SERVERS)]
    placed = [masters[number // SERVERS % len(masters)] for number in range(replicas)]
    names = [f"host{number}.{master.realm.domain}" for number, master in enumerate(placed)]
    store(HostKey(hostname=name, key="ssh-ed25519 AAAA", fingerprint=name, accepted_by="x") for name in names)
    keys = dict(HostKey.objects.values_list("hostname", "pk"))
    store(
        Replica(
            hostname=name, ssh_address="192.0.2.21", host_key_id=keys[name], master=placed[number],
            requested_by=root if number % 3 else operator, state=state_of(number), ip_addresses=["192.0.2.21"],
        )
        for number, name in enumerate(names)
    )  # fmt: skip
    look(masters)
    made = list(Replica.objects.filter(hostname__startswith="host").order_by("pk"))
    frozen = world.waiting
    store(
        Plan(
            replica=replica, action="install", job=frozen.job, steps=frozen.steps, digest=frozen.digest,
            requested_by_id=replica.requested_by_id,
            state=PlanState.WAITING if replica.state == ReplicaState.REQUESTED else PlanState.APPROVED,
        )
        for replica in made
    )  # fmt: skip
    approved = list(Plan.objects.filter(replica__hostname__startswith="host", state=PlanState.APPROVED).order_by("pk"))
    outcome = {ReplicaState.RUNNING: RunState.RUNNING, ReplicaState.FAILED: RunState.FAILED}
    states = dict(Replica.objects.values_list("pk", "state"))
    store(
        Run(plan=plan, state=outcome.get(ReplicaState(states[plan.replica_id]), RunState.SUCCEEDED), fence=1)
        for plan in approved
    )
    ours = Run.objects.filter(plan__replica__hostname__startswith="host")
    runs = list(ours.select_related("plan").order_by("pk"))
    store(
        StepRun(run=run, index=index, key=step["key"], title=step["title"], stage=step["stage"], state=StepState.DONE)
        for run in runs
        for index, step in enumerate(frozen.steps, 1)
    )
    until = timezone.now() + timedelta(hours=24)
    store(
        Bundle(
            replica_id=run.plan.replica_id, run=run, path="/var/lib/ipa/x.gpg", state="used", size=1, sha256="0" * 64,
            certificates={}, expires_at=until,
        )
        for run in runs
    )  # fmt: skip
    store(Notice(recipient=root, kind=NoticeKind.DONE, plan=run.plan, run=run, actor="x") for run in runs)
    hook = world.webhook
    store(Delivery(webhook=hook, body={"type": "run.succeeded"}, attempts=1) for _ in runs)
    log(world.failed, lines)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return world


def more_masters(count: int) -> list[Master]:
    store(
        Realm(name=f"R{number}.EXAMPLE", domain=f"r{number}.example", suffix=f"dc=r{number},dc=example", dns=True)
        for number in range(1, count)
    )
    realms = Realm.objects.filter(name__endswith=".EXAMPLE")
    store(HostKey(hostname=f"ipa.{one.domain}", key="ssh-ed25519 AAAA", accepted_by="x") for one in realms)
    keys = dict(HostKey.objects.values_list("hostname", "pk"))
    store(
        Master(
            hostname=f"ipa.{one.domain}", ssh_address="192.0.2.10", host_key_id=keys[f"ipa.{one.domain}"], realm=one,
            ca=True,
        )
        for one in realms
    )  # fmt: skip
    return list(Master.objects.filter(realm__in=realms).select_related("realm").order_by("pk"))


def look(masters: list[Master]) -> None:
    """At every realm; each server of the one whose pages are asked for serves DNS, some of every other one."""
    for at, master in enumerate(masters):
        names = [master.hostname, *master.replicas.values_list("hostname", flat=True)[: SERVERS - 1]]
        seen = looks.of_realm(names, NAME_SERVERS if at else SERVERS)
        RealmLook.objects.create(realm=master.realm, at=timezone.now(), **seen)


def state_of(number: int) -> ReplicaState:
    if number % RUNNING_EVERY == 0:
        return ReplicaState.RUNNING
    if number % WAITING_EVERY == 0:
        return ReplicaState.REQUESTED
    return ReplicaState.FAILED if number % FAILED_EVERY == 0 else ReplicaState.VERIFIED


def store(rows: Iterator[M]) -> None:
    while batch := list(islice(rows, BATCH)):
        with transaction.atomic():
            type(batch[0])._default_manager.bulk_create(batch)


def log(run: Run, lines: int) -> None:
    first, now = run.last_seq + 1, timezone.now()
    store(
        LogLine(run=run, seq=seq, step=seq * 6 // (first + lines), level="info", text=f"entry {seq} uid={seq}", at=now)
        for seq in range(first, first + lines)
    )
    Run.objects.filter(pk=run.pk).update(last_seq=first + lines - 1)


def report(world: World) -> int:
    """Print what each page needs; 1 when one needs too much."""
    slow = 0
    print(f"{'page':<58}{'median ms':>10}{'slowest':>9}{'processor':>11}{'queries':>9}")
    for where in addresses(world):
        times, busy, queries = measure(world, where)
        bad = statistics.median(times) >= LIMIT_MS or queries > MOST
        slow += bad
        figures = f"{statistics.median(times):10.1f}{max(times):9.1f}{statistics.median(busy):11.1f}{queries:9}"
        print(f"{where:<58}{figures}{'  <<<' * bad}", flush=True)
    return int(bool(slow))


def addresses(world: World) -> Iterator[str]:
    """Every page, and every list of the admin with the newest row of each."""
    for name, page in PAGES.items():
        if page.method == "get" and name not in AWAY:
            yield from (address(name, world) + more for more in ("", *MORE.get(name, ())))
    yield reverse("admin:index")
    for name in ADMIN:
        app, model, view = name.removeprefix("admin:").split("_")
        rows = apps.get_model(app, model)._default_manager.order_by("-pk")
        if view == "changelist":
            yield reverse(name)
            if rows.count() >= MOST_ROWS:
                yield f"{reverse(name)}?p={LAST_PAGE}"
        elif newest := rows.first():
            yield reverse(name, args=[newest.pk])


def measure(world: World, where: str) -> tuple[list[float], list[float], int]:
    """Milliseconds of each round, those of the processor, and the number of queries."""
    client: Any = Client()
    client.force_login(User.objects.get(username=reader(where)))
    client.get(where)
    times, busy = [], []
    for _ in range(ROUNDS):
        began, at_work = time.perf_counter(), time.process_time()
        assert client.get(where).status_code == 200, where
        busy.append(1000 * (time.process_time() - at_work))
        times.append(1000 * (time.perf_counter() - began))
    with CaptureQueriesContext(connection) as queries:
        client.get(where)
    return times, busy, len(queries)


if __name__ == "__main__":
    sys.exit(main())

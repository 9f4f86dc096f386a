"""Server time of a run's page and of looking through its log, with 1,000,000 lines: `python -m bench.run_page [LINES]`.

With DATABASE_URL set (`python -m script.services python -m bench.run_page`) on PostgreSQL instead of SQLite. First the
lines are rows, as of a run that has just ended, then chunks. In Chromium: the time from asking for the page until the
last lines are in sight and the scroll bar is as long as the log, the memory of its JavaScript, and how many rows are
elements. Works in a test database that is made and removed. Ends with status 1 when the server takes 100 ms (median) or
more for anything, Chromium a second or more, or when there are more elements than MOST_ROWS.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.conf import settings  # noqa: E402 - needs set-up Django
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from replicas.choices import PlanState, ReplicaState, RunState  # noqa: E402
from replicas.models import Run  # noqa: E402
from replicas.stream import chunks, rows  # noqa: E402
from replicas.stream.writer import Line  # noqa: E402
from tests.browser.conftest import ARGUMENTS, CHROMIUM, served  # noqa: E402
from tests.browser.test_live_log import MOST_ROWS  # noqa: E402
from tests.replicas.views import world  # noqa: E402

Asked = dict[str, str | int]
ROUNDS, BATCH = 21, 5000
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
SERVER_MS, OPEN_SECONDS, OPENED = 100, 1.0, 7
"""Limits of the server and of Chromium, and how often it opens the page."""
IN_SIGHT = """last => {
    const row = document.getElementById(`L${last}`), log = document.querySelector("[data-log]");
    return row && log.querySelector("[data-space]").style.height
        && row.getBoundingClientRect().bottom <= log.getBoundingClientRect().bottom + 1;
}"""


class Look(NamedTuple):
    """Seconds until the page was open, bytes in JavaScript's heap, and elements of the log."""

    seconds: float
    heap: float
    rows: int


def main(lines: int) -> int:
    setup_test_environment()
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.endswith("StaticFiles")]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        print(f"{connection.vendor}, {lines:,} lines; load {os.getloadavg()[0]:.1f}")
        run, client = prepare(lines), Client()
        client.force_login(User.objects.get(username="viewer"))
        good = [measure(client, run, "rows"), opened(run, "rows")]
        while chunks.compress_next(run.pk):
            pass
        good += [measure(client, run, "chunks"), opened(run, "chunks")]
        return int(not all(good))
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


def measure(client: Client, run: Run, stored: str) -> bool:
    """Whether the server was quick enough."""
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
    quick = [report(f"{stored}: {what}", client, address, asked) for what, address, asked in addresses]
    looks, after, began = 0, 0, time.perf_counter()
    while after < run.last_seq:
        after = client.get(find, {"q": "nowhere", "after": str(after)}).json()["looked"]
        looks += 1
    print(f"  {stored + ': the whole log, in vain':<46}{time.perf_counter() - began:7.1f} s in {looks} looks")
    return all(quick)


def report(what: str, client: Client, address: str, asked: Asked) -> bool:
    taken = []
    for _ in range(ROUNDS):
        chunks.unpacked.cache_clear()
        began = time.perf_counter()
        assert client.get(address, asked).status_code == 200
        taken.append(1000 * (time.perf_counter() - began))
    with CaptureQueriesContext(connection) as queries:
        client.get(address, asked)
    print(f"  {what:<46}{statistics.median(taken):7.1f} ms, {len(queries)} queries")
    return statistics.median(taken) < SERVER_MS


def opened(run: Run, stored: str) -> bool:
    """Whether Chromium had the page soon enough, and kept it small."""
    with portal() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        looks = [look(browser, url, run) for _ in range(OPENED)]
        browser.close()
    median, heap = statistics.median(one.seconds for one in looks), max(one.heap for one in looks)
    rows = max(one.rows for one in looks)
    what = f"{stored}: until it is open in Chromium"
    print(f"  {what:<46}{1000 * median:7.1f} ms, {heap / 2**20:.1f} MiB of JavaScript, {rows} rows")
    return median < OPEN_SECONDS and rows <= MOST_ROWS


def look(browser: Browser, url: str, run: Run) -> Look:
    """In a browser that has nothing stored."""
    page = browser.new_page()
    sign_in(page, url)
    began = time.perf_counter()
    page.goto(f"{url}/runs/{run.pk}/", wait_until="commit")
    page.wait_for_function(IN_SIGHT, arg=run.last_seq)
    seconds = time.perf_counter() - began
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    rows = page.locator("[data-lines] > *").count()
    page.context.close()
    return Look(seconds, metrics["JSHeapUsedSize"], rows)


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/login/")
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill(world.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")


@contextmanager
def portal() -> Iterator[str]:
    """A web server of its own on the test database."""
    name = str(connection.settings_dict["NAME"])
    with tempfile.TemporaryDirectory() as folder:
        if connection.vendor == "sqlite":
            Path(folder, "portal.sqlite3").symlink_to(name)
        database = os.environ.get("DATABASE_URL", "")
        there = urlsplit(database)._replace(path=f"/{name}").geturl() if database else ""
        with served(Path(folder), DATABASE_URL=there) as url:
            yield url


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))

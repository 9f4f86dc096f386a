"""From a line printed on a replica to its paint in a browser: `python -m bench.line_to_browser [BROWSERS [PAGES]]`.

A program on a test host (`lab/`) prints 30 lines a second with the time; the portal's worker follows it over SSH, and
BROWSERS (100) follow the run: PAGES (4) of them as pages of Chromium, which note when each line was painted, the others
as WebSocket clients that read all they are sent, in a process of their own. One machine cannot lay out a hundred pages
without measuring itself; to the portal they are all the same. Twice: on the embedded default, and on PostgreSQL and
Redis. Ends with status 1 when fewer than 95 % of the lines are there within LIMITS_MS.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - needs set-up Django
from django.core.management import call_command  # noqa: E402
from playwright.async_api import BrowserContext, Page, async_playwright  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402
from websockets.typing import Origin  # noqa: E402

from lab import Host, Lab  # noqa: E402
from replicas.choices import PlanState, ReplicaState  # noqa: E402
from replicas.lifecycle import plan, runner  # noqa: E402
from replicas.lifecycle.base import Context, Step  # noqa: E402
from replicas.lifecycle.job import Job  # noqa: E402
from replicas.models import Plan, Run  # noqa: E402
from script import processes, services  # noqa: E402
from script.people import Person  # noqa: E402
from tests.browser.conftest import ARGUMENTS, CHROMIUM  # noqa: E402
from tests.replicas.lifecycle.twin import TwinBackend  # noqa: E402
from tests.replicas.views import world  # noqa: E402

RATE, LINES, WARM = 30, 900, 90
"""The first lines meet programs that have only just started, as no later ones do."""
LIMITS_MS = {"embedded": 250, "Redis": 100}
GO = "/run/bench-go"
PRINT = f"""
import os, time
while not os.path.exists({GO!r}): time.sleep(0.02)
begun = time.time()
for n in range({LINES}):
    time.sleep(max(0, begun + n / {RATE} - time.time()))
    print(f"tick {{n}} {{time.time():.6f}}", flush=True)
"""
TICK = re.compile(r"tick \d+ ([\d.]+)")
WATCH = """
window.ticks = {};
const channel = new MessageChannel();
let drawn = [];
channel.port1.onmessage = () => {  // a task that follows the frame in which the rows were drawn
  const now = Date.now() / 1000;
  for (const [n, printed] of drawn.splice(0)) window.ticks[n] ??= now - printed;
};
new MutationObserver((changes) => {
  for (const change of changes) for (const row of change.addedNodes) {
    const tick = /tick (\\d+) ([\\d.]+)$/.exec(row.textContent);
    if (tick) drawn.push([tick[1], Number(tick[2])]);
  }
  if (drawn.length) channel.port2.postMessage(0);
}).observe(document.querySelector("[data-lines]"), { childList: true });
"""
SETTINGS = {"PORTAL_DEBUG": "on", "PORTAL_SECRET_KEY": "of-the-benchmark"}


class Printing(Step):
    """Follows a program on the replica as every long command is followed."""

    key, title, stage = "print", "Printing", "install"

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get("printed"))

    async def run(self, ctx: Context) -> None:
        await ctx.command("replica", "print", ["/usr/bin/python3", "-c", PRINT])
        await ctx.fact("printed", True)


class Backend(TwinBackend):
    """One step, on a real host."""

    def steps(self, job: Job) -> tuple[Step, ...]:
        return (Printing(),)


class Registry:
    def get(self, kind: str) -> Backend:
        return Backend()


def prepare(address: str, key: str) -> None:
    """In a process on the portal's services: tables, people, and a run of that step; prints its number."""
    call_command("migrate", verbosity=0)
    world.cast()
    operator = User.objects.get(username="operator")
    replica = world.request(world.realm_with_master(), "bench.example.com", operator, ReplicaState.APPROVED)
    replica.ssh_address, replica.host_key.key = address, key
    replica.host_key.save()
    replica.save()
    realm = replica.master.realm
    job = Job("install", realm.facts(), replica.master.endpoint(), replica.endpoint(), replica.options())
    steps, digest = plan.freeze(Backend(), job)
    frozen = Plan.objects.create(
        replica=replica, action="install", job=job.to_json(), steps=steps, digest=digest, state=PlanState.APPROVED,
        requested_by=operator,
    )  # fmt: skip
    sys.stdout.write(f"{Run.objects.create(plan=frozen).pk}\n")


def worker() -> None:
    """`manage.py worker` with that backend; its sweeper finds the run."""
    for name, value in {"registry": Registry(), "unlock": lambda run: {}}.items():
        setattr(runner, name, value)
    call_command("worker")


async def listen(address: str, cookie: str, run_id: str, count: str) -> None:
    """So many browsers without a page, to the end of the run; prints seconds from print to receipt, as JSON.

    Raises SystemExit unless each of them got every line.
    """

    async def one() -> list[float]:
        headers = {"Cookie": cookie}
        socket = f"{address.replace('http', 'ws', 1)}/ws/runs/{run_id}/"
        found: list[float] = []
        async with connect(socket, origin=Origin(address), additional_headers=headers, max_size=None) as opened:
            await opened.send('{"cursor": 0}')
            async for message in opened:
                now = time.time()
                found += [now - float(printed) for printed in TICK.findall(str(message))]
        return found

    heard = await asyncio.gather(*(one() for _ in range(int(count))))
    if {len(one) for one in heard} - {LINES}:
        raise SystemExit("A browser did not get every line.")
    sys.stdout.write(json.dumps([seconds for one in heard for seconds in one[WARM:]]))


@contextmanager
def embedded(folder: Path) -> Iterator[dict[str, str]]:
    yield {}


@contextmanager
def with_redis(folder: Path) -> Iterator[dict[str, str]]:
    with services.running(services.PostgreSQL, services.Redis) as (database, queue):
        yield {"DATABASE_URL": database.url, "REDIS_URL": queue.url}  # type: ignore[attr-defined]


def measure(name: str, host: Host, lab: Lab, browsers: int, pages: int) -> bool:
    """Whether it was quick enough."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        setting = stack.enter_context({"embedded": embedded, "Redis": with_redis}[name](folder))
        environment = SETTINGS | setting | {"PORTAL_DATA_DIR": str(folder), "PORTAL_SSH_KEY_FILE": str(lab.ssh_key)}
        host.run(["rm", "-f", GO])
        run_id = act(environment, "prepare", str(host.address), host.public_key).strip()
        address = stack.enter_context(
            processes.portal(folder, environment, worker=("-m", "bench.line_to_browser", "worker"))
        )
        person = Person(address, "viewer", world.PASSWORD)
        (session,) = (cookie for cookie in person.client.cookies.jar if cookie.name == "sessionid")
        argv = ["listen", address, f"sessionid={session.value}", run_id, str(browsers - pages)]
        listening = subprocess.Popen([sys.executable, "-m", "bench.line_to_browser", *argv], stdout=subprocess.PIPE)
        ticks = asyncio.run(follow(address, str(session.value), run_id, pages, host))
        heard = json.loads(listening.communicate()[0])
        person.client.close()
        print(f"{name}: {browsers} browsers, {RATE} lines a second, load {os.getloadavg()[0]:.1f}")
        limit = LIMITS_MS[name]
        painted = report(f"printed to painted, {pages} pages", ticks, limit)
        received = report(f"printed to received, {browsers - pages} others", heard, limit)
        return painted and received


def act(environment: dict[str, str], *words: str) -> str:
    argv = [sys.executable, "-m", "bench.line_to_browser", *words]
    return subprocess.run(argv, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True).stdout


async def follow(address: str, session: str, run_id: str, pages: int, host: Host) -> list[float]:
    """Seconds from print to paint, of every line on every page, the first WARM left out."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await chromium.new_context(base_url=address)
        await context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
        opened = [await watch(context, run_id) for _ in range(pages)]
        await asyncio.sleep(2)  # the other browsers have connected by then
        await asyncio.to_thread(host.write, GO, "")
        found = [await ticks_of(page) for page in opened]
        await chromium.close()
    return [seconds for ticks in found for n, seconds in ticks.items() if n >= WARM]


async def watch(context: BrowserContext, run_id: str) -> Page:
    page = await context.new_page()
    await page.goto(f"/runs/{run_id}/")
    await page.locator("[data-link][data-state=live]").wait_for()
    await page.evaluate(WATCH)
    return page


async def ticks_of(page: Page) -> dict[int, float]:
    await page.locator("[data-run][data-state=succeeded]").wait_for(timeout=1000 * (LINES / RATE + 60))
    found: dict[str, float] = await page.evaluate("window.ticks")
    missing = LINES - len(found)
    if missing:
        raise SystemExit(f"{missing} lines were never painted.")
    return {int(n): seconds for n, seconds in found.items()}


def report(what: str, seconds: list[float], limit: int) -> bool:
    """Print it; whether 95 % are within the limit."""
    cuts = [1000 * cut for cut in statistics.quantiles(seconds, n=100)]
    print(f"  {what:<34} median {cuts[49]:4.0f} ms, 95 % within {cuts[94]:4.0f} ms, most {1000 * max(seconds):4.0f} ms")
    return cuts[94] <= limit


def main(browsers: str = "100", pages: str = "4") -> int:
    lab = Lab(os.environ.get("TEST_LAB", "bench"))
    lab.down()
    try:
        lab.up(replicas=1, dns=False)
        host = lab.hosts[-1]
        quick = [measure(name, host, lab, int(browsers), int(pages)) for name in LIMITS_MS]
        return int(not all(quick))
    finally:
        lab.down()


if __name__ == "__main__":
    name, *words = sys.argv[1:] or [""]
    if name == "listen":
        asyncio.run(listen(*words))
    elif name == "prepare":
        prepare(*words)
    elif name == "worker":
        worker()
    else:
        sys.exit(main(*sys.argv[1:]))

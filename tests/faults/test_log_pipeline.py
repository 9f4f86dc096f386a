"""A long log before many eyes: 200,000 lines, 50 browsers, a killed worker and a restarted Redis."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, WebSocket, async_playwright
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from script import services
from script.people import Person
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.faults import table
from tests.faults.site import Site, site
from tests.replicas.lifecycle.twin import World
from tests.replicas.views.world import PASSWORD

pytestmark = pytest.mark.skipif(
    services.missing() is not None or not Path(CHROMIUM).exists(),
    reason=f"{services.missing()} Or {CHROMIUM} is missing.",
)
LINES, READERS = 200_000, 48
MOST_SECONDS = 300.0
MOST_MEGABYTES = 150
"""That the server may grow by; what it sends is ten times as much for each browser."""
HOSTNAME = "talkative.example.com"
NUMBER = re.compile(r'"seq":(\d+)')
PRINTED = re.compile(r'"text":"printed (\d+) of')
PRINT = f"""
import sys, time
with open(sys.argv[1], "w") as output:
    for first in range(1, {LINES} + 1, 400):
        output.writelines(f"printed {{n}} of {LINES}: entry uid=user{{n * 7919 % 10007}},cn=users\\n" for n in range(first, first + 400))
        output.flush()
        time.sleep(0.03)
open(sys.argv[2], "w").close()
"""  # fmt: skip  # noqa: E501


class Reader:
    """A browser that keeps to its cursor. `every`: it leaves and comes back after so many seconds."""

    def __init__(self, person: Person, run_id: int, every: float | None = None) -> None:
        self._person, self._run_id, self._every = person, run_id, every
        self.cursor = self.connections = 0
        self.printed: list[int] = []

    async def read(self) -> None:
        """Until the run has ended and the server closes."""
        while not await self._one_connection():
            await asyncio.sleep(0.2)

    async def _one_connection(self) -> bool:
        self.connections += 1
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(self._every), opened(self._person, self._run_id, self.cursor) as socket:
                try:
                    async for message in socket:
                        self._take(str(message))
                except ConnectionClosed:
                    return False
                return socket.close_code == 1000
        return False

    def _take(self, message: str) -> None:
        numbers = NUMBER.findall(message)
        if numbers:
            assert int(numbers[0]) == self.cursor + 1
            assert len(numbers) == int(numbers[-1]) - self.cursor
            self.cursor = int(numbers[-1])
            self.printed += map(int, PRINTED.findall(message))


def cookies(person: Person) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.client.cookies.jar)


@contextlib.asynccontextmanager
async def opened(person: Person, run_id: int, cursor: int) -> AsyncIterator[ClientConnection]:
    address = f"{person.address.replace('http', 'ws', 1)}/ws/runs/{run_id}/"
    headers = {"Cookie": cookies(person)}
    # Whoever leaves does not wait for the end of all that is on its way: it is gone, as behind a closed lid.
    async with connect(
        address,
        origin=Origin(person.address),
        additional_headers=headers,
        compression=None,
        max_size=None,
        close_timeout=0,
    ) as socket:
        await socket.send(json.dumps({"cursor": cursor}))
        yield socket


async def never_read(person: Person, run_id: int) -> None:
    """Connects, asks for everything, and takes nothing: TCP's window fills, and the server has to wait."""
    headers = {"Cookie": cookies(person)}
    address = f"{person.address.replace('http', 'ws', 1)}/ws/runs/{run_id}/"
    async with connect(
        address,
        origin=Origin(person.address),
        additional_headers=headers,
        ping_interval=None,
        max_queue=1,
        close_timeout=0,
    ) as socket:
        await socket.send('{"cursor": 0}')
        await asyncio.Event().wait()


class Tab:
    """A real page of a real browser, and what came over its sockets."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.numbers: list[int] = []
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.numbers.extend(map(int, NUMBER.findall(str(frame)))))

    async def shown(self) -> list[int]:
        """What is visible: the page holds no other lines."""
        return [int(number) for number in await self.page.locator(".line-seq").all_text_contents()]


@contextlib.asynccontextmanager
async def tab(person: Person, run_id: int) -> AsyncIterator[Tab]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await chromium.new_context(base_url=person.address)
        (cookie,) = (cookie for cookie in person.client.cookies.jar if cookie.name == "sessionid")
        await context.add_cookies([{"name": "sessionid", "value": str(cookie.value), "url": person.address}])
        made = Tab(await context.new_page())
        await made.page.goto(f"/runs/{run_id}/")
        yield made
        await chromium.close()


def megabytes(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def watch_memory(pid: int, samples: list[float]) -> None:
    while True:
        samples.append(megabytes(pid))
        await asyncio.sleep(0.25)


async def disturb(portal: Site) -> None:
    """Kill the worker, start another one, and later restart Redis, all while lines are printed."""
    await asyncio.sleep(4)
    await asyncio.to_thread(portal.kill_workers)
    await asyncio.sleep(1)
    portal.worker()
    await asyncio.sleep(5)
    await asyncio.to_thread(portal.queue.restart, 1.0)


async def test_fifty_browsers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with site(tmp_path) as portal:
        monkeypatch.setenv("TWIN_WORLD", str(portal.world))
        monkeypatch.setenv("PORTAL_DEBUG", "on")  # the server's static files need not be collected
        world = World(HOSTNAME)
        world.tell("install", "follow")
        person = Person(await asyncio.to_thread(portal.web), "viewer", PASSWORD)
        run_id = int(portal.act("request", HOSTNAME))
        readers = [Reader(person, run_id) for _ in range(READERS - 1)] + [Reader(person, run_id, every=1.0)]
        server, memory = portal.processes["web"].pid, list[float]()
        async with tab(person, run_id) as page, asyncio.timeout(MOST_SECONDS), asyncio.TaskGroup() as background:
            idle = background.create_task(never_read(person, run_id))
            watching = background.create_task(watch_memory(server, memory))
            before, started = megabytes(server), time.monotonic()
            output = [str(world.path / "output-install"), str(world.path / "ended-install")]
            printing = subprocess.Popen([sys.executable, "-c", PRINT, *output], start_new_session=True)  # noqa: ASYNC220
            portal.worker()
            await asyncio.gather(disturb(portal), *(reader.read() for reader in readers))
            seconds = time.monotonic() - started
            assert printing.wait() == 0
            ((last,),) = portal.rows("SELECT last_seq FROM replicas_run WHERE id = %s", run_id)
            await page.page.locator(f"#L{last}").wait_for(timeout=120_000)
            await page.page.locator("[data-link]").get_by_text("complete").wait_for()
            shown = await page.shown()
            idle.cancel()
            watching.cancel()
        for reader in readers:
            assert reader.cursor == last
            assert reader.printed == list(range(1, LINES + 1))
        assert readers[-1].connections > 5
        assert shown == list(range(last - len(shown) + 1, last + 1))
        assert 10 < len(shown) < 120
        assert sorted(set(page.numbers)) == list(range(1, last + 1))
        text = [line for line in person.client.get(f"/runs/{run_id}/log.txt").text.splitlines() if " printed " in line]
        assert len(text) == LINES
        assert max(memory) - before < MOST_MEGABYTES
        person.client.close()
        outcome = f"every line once, in order; server {before:.0f} to {max(memory):.0f} MB, {seconds:.0f} s in all"
        table.record(f"worker killed, Redis restarted, {READERS + 2} browsers", "200,000 lines", outcome, None)

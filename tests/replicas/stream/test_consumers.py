"""What a browser gets over the socket: everything after its cursor, once, in order, to the end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.urls import path
from django.utils import timezone

from replicas.choices import RunState, StepState
from replicas.models import LogLine, Run, StepRun
from replicas.stream import consumers
from replicas.stream.consumers import RunConsumer
from tests.replicas.lifecycle.rows import make_run

pytestmark = pytest.mark.django_db(transaction=True)
Communicator: Any = ApplicationCommunicator  # asgiref leaves it untyped
NOT_BEGUN = {"attempt": 1, "seconds": None, "took": ""}
router = URLRouter([path("ws/runs/<int:run_id>/", RunConsumer.as_asgi())])


def make_viewer() -> User:
    user = User.objects.create(username="vera")
    user.groups.add(Group.objects.get(name="viewer"))
    return user


def add_lines(run: Run, count: int) -> None:
    first = run.last_seq + 1
    run.last_seq += count
    LogLine.objects.bulk_create(
        LogLine(run=run, seq=seq, step=1, level="info", text=f"line {seq}", at=timezone.now())
        for seq in range(first, run.last_seq + 1)
    )
    run.save()


@pytest.fixture
def run() -> Run:
    run = make_run()
    add_lines(run, 2500)
    StepRun.objects.create(run=run, index=1, key="a", title="A", stage="prepare", state=StepState.RUNNING)
    return run


@pytest.fixture
def viewer() -> User:
    return make_viewer()


class Socket:
    """A browser's side of a WebSocket."""

    def __init__(self, run: Run, app: Any = router, **scope: Any) -> None:
        path = f"/ws/runs/{run.pk}/"
        base = {"type": "websocket", "path": path, "query_string": b"", "headers": [], "subprotocols": []}
        self.server: Any = Communicator(app, {**base, **scope})

    async def connect(self) -> bool:
        await self.server.send_input({"type": "websocket.connect"})
        return bool((await self.server.receive_output(3))["type"] == "websocket.accept")

    async def send(self, text: str) -> None:
        await self.server.send_input({"type": "websocket.receive", "text": text})

    async def receive(self) -> Any:
        return json.loads((await self.server.receive_output(3))["text"])

    async def closed(self) -> int:
        message = await self.server.receive_output(3)
        assert message["type"] == "websocket.close"
        await self.leave()
        return int(message.get("code", 1000))

    async def leave(self) -> None:
        await self.server.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.server.wait(3)


async def lines(browser: Socket, last: int) -> list[int]:
    """The numbers of the lines up to `last`; other messages are left out."""
    found: list[int] = []
    while not found or found[-1] < last:
        message = await browser.receive()
        found += [line["seq"] for line in message.get("lines", [])]
    return found


async def test_full_log_then_live_then_the_end(run: Run, viewer: User) -> None:
    browser = Socket(run, user=viewer)
    assert await browser.connect()
    await browser.send('{"cursor": 0}')
    assert await lines(browser, 2500) == list(range(1, 2501))
    states = await browser.receive()
    assert states["run"] == {"state": "queued", "error": "", "remedy": "", **NOT_BEGUN}
    step = {"index": 1, "state": "running", "done": 0, "total": 0, "unit": "", "seconds": None, "took": ""}
    assert states["steps"] == [step]
    await sync_to_async(add_lines)(run, 3)
    assert await lines(browser, 2503) == [2501, 2502, 2503]
    await Run.objects.filter(pk=run.pk).aupdate(state=RunState.FAILED, error="No.", remedy="Yes.")
    assert (await browser.receive())["run"] == {"state": "failed", "error": "No.", "remedy": "Yes.", **NOT_BEGUN}
    assert await browser.closed() == 1000


async def test_reconnect_goes_on_after_the_cursor(run: Run, viewer: User) -> None:
    browser = Socket(run, user=viewer)
    await browser.connect()
    await browser.send('{"cursor": 2498}')
    assert await lines(browser, 2500) == [2499, 2500]
    await browser.leave()


@pytest.mark.parametrize("message", ["", "{}", '{"cursor": -1}', '{"cursor": "1"}', "[]"])
async def test_nonsense_closes_the_socket(run: Run, viewer: User, message: str) -> None:
    browser = Socket(run, user=viewer)
    await browser.connect()
    await browser.send(message)
    assert await browser.closed() == 1003


async def test_forbidden_for_anonymous_and_outsiders(run: Run) -> None:
    outsider = await User.objects.acreate(username="otto")
    for user in (AnonymousUser(), outsider):
        assert not await Socket(run, user=user).connect()


async def test_unknown_run(run: Run, viewer: User) -> None:
    run.pk += 1
    assert not await Socket(run, user=viewer).connect()


@pytest.mark.filterwarnings("ignore:No directory at:UserWarning")
async def test_other_origins_are_refused(run: Run) -> None:
    from portal.asgi import application

    assert not await Socket(run, application, headers=[(b"origin", b"https://evil.example")]).connect()


@pytest.mark.parametrize("change", ["barred", "role", "signed out"])
async def test_whoever_may_not_read_any_more_is_cut_off(
    run: Run, viewer: User, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(consumers, "ASK_AGAIN_SECONDS", 0.05)
    client = Client()
    await sync_to_async(client.force_login)(viewer)
    session = SessionStore(client.session.session_key)
    socket = Socket(run, user=viewer, session=session)
    assert await socket.connect()
    await asyncio.sleep(0.2)
    assert await socket.server.receive_nothing(), "nothing happens to those who may"
    changes: dict[str, Any] = {
        "barred": lambda: User.objects.update(is_active=False),
        "role": lambda: viewer.groups.clear(),
        "signed out": client.logout,
    }
    await sync_to_async(changes[change])()
    assert await socket.closed() == consumers.POLICY_VIOLATION

"""A run's log to a browser: everything after the browser's own cursor, from the rows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone

from replicas import permissions
from replicas.actions.refusals import refused
from replicas.models import Run
from replicas.stream import feed
from replicas.stream.durations import duration, run_now
from replicas.stream.feed import Snapshot

logger = logging.getLogger(__name__)
UNSUPPORTED_DATA, POLICY_VIOLATION, TRY_AGAIN = 1003, 1008, 1013
"""RFC 6455, section 7.4.1, and the IANA registry."""
ASK_AGAIN_SECONDS = 10.0
"""For so long at most somebody reads on who has signed out, was barred or lost the role."""


class RunConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """The client says {"cursor": N}, again whenever it likes; lines after N follow, and the states of run and steps.

    Only one page is ever in memory: the next one is read when the socket has taken the last.
    """

    channel_layer_alias = None  # the feed listens to it, once for all sockets
    pump: asyncio.Task[None] | None = None
    guard: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self.run_id: int = self.scope["url_route"]["kwargs"]["run_id"]
        if not await _may_view(self.scope, self.run_id):
            await self.close()
            return
        await self.accept()
        self.guard = asyncio.create_task(self._keep_watch())

    async def disconnect(self, code: int) -> None:
        if self.guard is not None:
            self.guard.cancel()
        await self._stop()

    async def _keep_watch(self) -> None:
        """Close when the reader may not read on."""
        allowed = True
        while allowed:
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            with contextlib.suppress(DatabaseError):
                allowed = await database_sync_to_async(_may_still_view)(self.scope, self.run_id)
        await self._stop()
        await self.close(POLICY_VIOLATION)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        cursor = _cursor(text_data)
        if cursor is None:
            await self.close(UNSUPPORTED_DATA)
            return
        await self._stop()
        self.pump = asyncio.create_task(self._pump(cursor))

    async def _stop(self) -> None:
        if self.pump is not None:
            self.pump.cancel()
            await asyncio.gather(self.pump, return_exceptions=True)

    async def _pump(self, cursor: int) -> None:
        try:
            await self._follow(cursor)
            await self.close()
        except DatabaseError as error:
            logger.warning("The log of run %s could not be read: %s", self.run_id, error)
            await self.close(TRY_AGAIN)
        except OSError as error:
            logger.info("A reader of run %s went away: %s", self.run_id, error)

    async def _follow(self, cursor: int) -> None:
        """Until the run has ended and every line of it is sent."""
        seen: Snapshot | None = None
        with feed.current().watch(self.run_id) as watch:
            while seen is None or not seen.ended:
                now = await watch.next()
                while cursor < now.last_seq:
                    lines, cursor = await feed.current().pages.after(self.run_id, cursor, now.last_seq)
                    await self.send(text_data=f'{{"lines":{lines},"last_seq":{now.last_seq}}}')
                if changes := _changes(seen, now):
                    await self._send(changes)
                seen = now

    async def _send(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message, separators=(",", ":"), ensure_ascii=False))


def _cursor(text: str | None) -> int | None:
    try:
        cursor = json.loads(text or "")["cursor"]
    except (ValueError, TypeError, KeyError):
        return None
    return cursor if type(cursor) is int and cursor >= 0 else None


async def _may_view(scope: dict[str, Any], run_id: int) -> bool:
    address = (scope.get("client") or [""])[0]
    return bool(await database_sync_to_async(_check_view)(scope["user"], run_id, address))


def _check_view(user: Any, run_id: int, address: str) -> bool:
    run = Run.objects.filter(pk=run_id).first()
    if run is None or not user.is_authenticated:
        return False
    if permissions.may(user, "view", run):
        return True
    refused(permissions.Actor(user, address), "run", str(run_id), f"live log of {run}")
    return False


def _may_still_view(scope: dict[str, Any], run_id: int) -> bool:
    """As the database says now: the session is there, its person is active and has the role."""
    known = _person(scope)
    return known is not None and permissions.may(known, "view", Run.objects.filter(pk=run_id).first())


def may_still_read(scope: dict[str, Any]) -> bool:
    """Tell whether the person may see pages, as the database says now. The page itself records a refusal."""
    known = _person(scope)
    return known is not None and permissions.may(known, "view")


def _person(scope: dict[str, Any]) -> User | None:
    user = scope["user"]
    if "session" in scope:
        session = import_module(settings.SESSION_ENGINE).SessionStore(scope["session"].session_key)
        user = auth.get_user(cast(HttpRequest, SimpleNamespace(session=session)))
    return User.objects.filter(pk=user.pk, is_active=True).first()


def _changes(seen: Snapshot | None, now: Snapshot) -> dict[str, Any]:
    """What is new in the states; everything at first."""
    message: dict[str, Any] = {}
    if seen is None or seen.run != now.run:
        message["run"] = run_now(now.run)
    known = set(seen.steps) if seen else set()
    if steps := [_step(step) for step in now.steps if step not in known]:
        message["steps"] = steps
    return message


def _step(fields: tuple[Any, ...]) -> dict[str, Any]:
    index, state, done, total, unit, started, finished = fields
    seconds = ((finished or timezone.now()) - started).total_seconds() if started else None
    return {
        "index": index,
        "state": state,
        "done": done,
        "total": total,
        "unit": unit,
        "seconds": seconds,
        "took": duration(seconds) if finished else "",
    }

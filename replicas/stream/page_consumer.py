"""Tells a page that something it shows has changed; the page then fetches itself again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Hashable
from datetime import datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from django.db.models import Q
from django.utils.dateparse import parse_datetime

from replicas.models import AuditEvent, RealmLook
from replicas.stream import topics
from replicas.stream.consumers import POLICY_VIOLATION, TRY_AGAIN, UNSUPPORTED_DATA, may_still_read
from replicas.stream.poller import Poller

POLL_SECONDS = 1.0
KINDS = ("replica", "plan", "run", "bundle")
"""Of events that change what pages show: signing in, and the use of a password, do not."""
CHANGED = '{"changed":true}'
Topics = frozenset[str]


class Request(NamedTuple):
    """What a page watches, and when it was rendered."""

    topics: Topics
    since: datetime


class PageConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """The client says {"watch": [TOPIC...], "since": TIME}; {"changed": true} follows whenever a topic changes."""

    channel_layer_alias = None
    pump: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if await database_sync_to_async(may_still_read)(self.scope):
            await self.accept()
        else:
            await self.close()

    async def disconnect(self, code: int) -> None:
        await self._stop()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        request = parse(text_data, self.scope["user"].pk)
        if request is None:
            await self.close(UNSUPPORTED_DATA)
            return
        await self._stop()
        self.pump = asyncio.create_task(self._pump(request))

    async def _stop(self) -> None:
        if self.pump is not None:
            self.pump.cancel()
            await asyncio.gather(self.pump, return_exceptions=True)

    async def _pump(self, request: Request) -> None:
        try:
            await self._follow(request)
        except DatabaseError:
            await self.close(TRY_AGAIN)
        except OSError:
            return  # The reader went away.

    async def _follow(self, request: Request) -> None:
        """Only who may still read is told; everyone else is cut off with the next change."""
        with current().watch(request.topics) as watch:
            await watch.next()
            changed = await database_sync_to_async(changed_since)(request)
            while True:
                if changed:
                    if not await database_sync_to_async(may_still_read)(self.scope):
                        await self.close(POLICY_VIOLATION)
                        return
                    await self.send(text_data=CHANGED)
                await watch.next()
                changed = True


def parse(text: str | None, person: int) -> Request | None:
    """Read what a page asks for; None for anything else."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        message = json.loads(text or "")
        watched, since = topics.valid(message["watch"], person), parse_datetime(message["since"])
        if watched is not None and since is not None and since.tzinfo is not None:
            return Request(watched, since)
    return None


def changed_since(request: Request) -> bool:
    """Tell whether anything happened since the page was rendered: every decision and every end of a run is an event."""
    realms = [int(topic.partition(":")[2]) for topic in request.topics if topic.startswith("realm:")]
    moved = Q(at__gte=request.since) | Q(asked_at__gte=request.since) | Q(started_at__gte=request.since)
    if realms and RealmLook.objects.filter(moved, realm__in=realms).exists():
        return True
    return AuditEvent.objects.filter(at__gte=request.since, kind__in=KINDS).exists()


def read(watched: list[Topics]) -> dict[Topics, tuple[Hashable, ...]]:
    """Return the stamps of each page's topics, of which each is read once."""
    stamps = topics.read(frozenset().union(*watched))
    return {one: tuple(stamps[topic] for topic in sorted(one)) for one in watched}


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, Poller[Topics, Any]] = WeakKeyDictionary()


def current() -> Poller[Topics, Any]:
    """The poller of the running event loop."""
    return _pollers.setdefault(asyncio.get_running_loop(), Poller(read, POLL_SECONDS))

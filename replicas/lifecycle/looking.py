"""Looking at a realm now and then: its health, and what each name server says of the expected records."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from replicas.backends import registry
from replicas.choices import ReplicaState
from replicas.clients import dns
from replicas.clients.dns import Absent
from replicas.errors import DnsError, PortalError
from replicas.lifecycle import credentials
from replicas.lifecycle.base import Backend, Health, Record
from replicas.lifecycle.connect import connect
from replicas.lifecycle.job import Job, Options
from replicas.lifecycle.reading import ReadingContext
from replicas.lifecycle.steps.zones import place
from replicas.models import Master, Realm, RealmLook, Replica
from replicas.together import together

logger = logging.getLogger(__name__)
SECONDS = 60
"""A look that takes longer is given up; until then no other one begins."""
NEEDED = "directory_manager"
BETWEEN_SECONDS = SECONDS
Expected = list[tuple[str, Record]]


def claim(realm: Realm, older_than: float) -> bool:
    """Whether the caller is the one to look now: nobody has begun within `older_than` seconds."""
    RealmLook.objects.get_or_create(realm=realm)
    now = timezone.now()
    due = Q(asked_at=None) | Q(asked_at__lt=now - timedelta(seconds=older_than))
    return RealmLook.objects.filter(due, realm=realm).update(asked_at=now) == 1


def next_due() -> Realm | None:
    """The realm that was looked at longest ago, claimed, if that is longer ago than LOOK_SECONDS."""
    if not settings.LOOK_SECONDS:
        return None
    able = Realm.objects.filter(credentials__name=NEEDED, masters__isnull=False).distinct()
    for realm in able.order_by("look__asked_at"):
        if claim(realm, settings.LOOK_SECONDS):
            return realm
    return None


def look(realm: Realm) -> None:
    """Look, and store what was seen. A realm that cannot be asked keeps what was seen before, with the reason."""
    begun = time.monotonic()
    try:
        health, records = _look(realm)
        seen: dict[str, Any] = {"health": asdict(health), "dns": records, "error": "", "remedy": ""}
    except PortalError as error:
        seen = {"error": error.message, "remedy": error.remedy}
    except Exception:
        logger.exception("The look at %s ended with a defect of the portal", realm)
        seen = {"error": "A defect of the portal ended the look.", "remedy": "The log of the worker says more."}
    seconds = round(time.monotonic() - begun, 3)
    RealmLook.objects.filter(realm=realm).update(**seen, at=timezone.now(), seconds=seconds)


def _look(realm: Realm) -> tuple[Health, list[dict[str, Any]]]:
    master = Master.objects.filter(realm=realm).select_related("host_key").earliest("pk")
    job = Job("look", realm.facts(), master.endpoint(), master.endpoint(), Options())
    backend = registry.get(realm.backend)
    expected = list(_expected(backend, realm))
    return asyncio.run(_ask(backend, job, credentials.of_realm(realm, NEEDED), expected))


def _expected(backend: Backend, realm: Realm) -> Iterable[tuple[str, Record]]:
    """The records that each master and each verified replica should have, with its name."""
    if not realm.dns:
        return
    mine = Q(master__realm=realm, state=ReplicaState.VERIFIED)
    hosts = {replica.hostname: replica for replica in Replica.objects.filter(mine).select_related("host_key", "master")}
    for master in Master.objects.filter(realm=realm).select_related("host_key"):
        if master.hostname not in hosts:
            own = Job("look", realm.facts(), master.endpoint(), master.endpoint(), Options(setup_ca=master.ca))
            yield from ((master.hostname, record) for record in backend.records(own))
    for hostname, replica in sorted(hosts.items()):
        job = Job("look", realm.facts(), replica.master.endpoint(), replica.endpoint(), replica.options())
        yield from ((hostname, record) for record in backend.records(job))


async def _ask(
    backend: Backend, job: Job, passwords: dict[str, str], expected: Expected
) -> tuple[Health, list[dict[str, Any]]]:
    ctx = ReadingContext(job, passwords, connect)
    try:
        async with asyncio.timeout(SECONDS):
            return await backend.look(ctx), await _compare(job.master.address, expected)
    except TimeoutError:
        raise PortalError(
            f"{job.realm.name} was not looked through within {SECONDS} s.", "See which of its servers does not answer."
        ) from None
    finally:
        await ctx.close()


async def _compare(address: str, expected: Expected) -> list[dict[str, Any]]:
    """Each record with its host, and what each name server says instead: an empty text where it is served."""
    return await together(*(_row(address, host, record) for host, record in expected))


async def _row(address: str, host: str, record: Record) -> dict[str, Any]:
    try:
        (placed,) = await place(address, (record,))
    except DnsError as error:
        return {"host": host, "record": str(record), "servers": {}, "problem": error.message}
    missing = {one.server.name: _words(one) for one in await dns.absent(placed.zone.servers, [record])}
    servers = {server.name: missing.get(server.name, "") for server in placed.zone.servers}
    return {"host": host, "record": str(record), "servers": servers, "problem": ""}


def _words(absent: Absent) -> str:
    return absent.cause or ", ".join(record.value for record in absent.served) or "nothing"

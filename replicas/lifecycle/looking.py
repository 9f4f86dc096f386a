"""Looking at a realm now and then: its health, and what each name server says of the expected records."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from replicas.backends import registry
from replicas.choices import PLANS_OF_REMOVAL, PlanAction, RealmLevel, ReplicaState, RunState
from replicas.clients import dns
from replicas.clients.dns import Absent
from replicas.errors import DnsError, PortalError
from replicas.lifecycle import confirmation, credentials, lying, rating, wrong_passwords
from replicas.lifecycle.base import Backend, Health, Record
from replicas.lifecycle.confirmation import Reading
from replicas.lifecycle.connect import connect
from replicas.lifecycle.job import Job, Options
from replicas.lifecycle.reading import ReadingContext
from replicas.lifecycle.steps.zones import place
from replicas.models import CredentialName, Master, Realm, RealmLook, Replica, Run
from replicas.models.looks import READ_AT
from replicas.together import together

logger = logging.getLogger(__name__)
SECONDS = 60
"""A reading that takes longer is given up."""
PAUSE_SECONDS = 6.0
"""Between two readings: BIND holds notifications back for up to five, and a directory is restarted within that."""
READINGS = 3
"""Two of them have to agree before anything counts as wrong."""
WAYS_IN = 3
"""So many masters are asked, one after the other, until one answers."""
BETWEEN_SECONDS = 60
"""A person may have a realm checked this often."""
MOST_SECONDS = READINGS * WAYS_IN * SECONDS
"""After this long a check has lost its worker."""
PATIENCE_SECONDS = 20
"""Workers that run begin a check sooner."""
AT_ONCE = 64
"""Records that are asked for at the same time: each question has a socket of its own."""
Expected = list[tuple[str, Record]]
Ask = Callable[[Job], Awaitable[Reading]]


def claim(realm: Realm, older_than: float) -> bool:
    """Take the next health check, unless one is under way or was requested within `older_than` seconds."""
    RealmLook.objects.get_or_create(realm=realm)
    now = timezone.now()
    due = Q(asked_at=None) | Q(asked_at__lt=now - timedelta(seconds=older_than))
    working = Q(started_at__gte=F("asked_at"), started_at__gt=now - timedelta(seconds=MOST_SECONDS))
    working &= Q(at=None) | Q(at__lt=F("asked_at"))
    return RealmLook.objects.filter(due, ~working | Q(asked_at=None), realm=realm).update(asked_at=now) == 1


class Progress(Enum):
    """Where the next health check of a realm is."""

    NONE = "none"
    QUEUED = "queued"
    WORKING = "working"
    UNATTENDED = "unattended"
    """No worker has begun it."""


def progress(look: RealmLook | None, now: datetime) -> Progress:
    """Tell whether a check was requested that has not ended, and whether a worker is at it."""
    if look is None or look.asked_at is None or (look.at is not None and look.at >= look.asked_at):
        return Progress.NONE
    if look.started_at is not None and look.started_at >= look.asked_at:
        return Progress.WORKING if (now - look.started_at).total_seconds() < MOST_SECONDS else Progress.NONE
    waits = (now - look.asked_at).total_seconds()
    return Progress.QUEUED if waits < PATIENCE_SECONDS else Progress.UNATTENDED


def needed(realm: Realm) -> CredentialName:
    """The password that looks take."""
    return CredentialName(registry.secrets(realm.backend)[0])


def possible(realm: Realm) -> bool:
    """Whether that password is stored."""
    return realm.credentials.filter(name=needed(realm)).exists()


def next_due() -> Realm | None:
    """The realm that was looked at longest ago, claimed, if that is longer ago than LOOK_SECONDS."""
    if not settings.LOOK_SECONDS:
        return None
    able = Realm.objects.filter(credentials__isnull=False, masters__isnull=False).distinct()
    for realm in able.order_by("look__asked_at"):
        if possible(realm) and claim(realm, settings.LOOK_SECONDS):
            return realm
    return None


def outdated(run_id: int) -> None:
    """What a run did is looked at soon after it, not when the next look would be due."""
    RealmLook.objects.filter(realm__masters__replicas__plans__runs=run_id).update(asked_at=None)


def look(realm: Realm) -> None:
    """Look, and store what was seen. A realm that cannot be asked keeps what was seen before, with the reason."""
    begun = time.monotonic()
    RealmLook.objects.filter(realm=realm).update(started_at=timezone.now())
    try:
        health, records = _look(realm)
        health = confirmation.since(before(realm), without(health, being_worked_on(realm)))
        seen = found(asdict(replace(health, records=())), records)
    except PortalError as error:
        seen = failed(error.message, error.remedy)
    except Exception:
        logger.exception("The look at %s ended with a defect of the portal", realm)
        seen = failed("A defect of the portal ended the look.", "The log of the worker says more.")
    seconds = round(time.monotonic() - begun, 3)
    RealmLook.objects.filter(realm=realm).update(**seen, at=timezone.now(), seconds=seconds)


def before(realm: Realm) -> dict[str, Any]:
    """Return what the last health check stored."""
    stored = RealmLook.objects.filter(realm=realm).values_list("health", flat=True).first()
    return stored or {}


def being_worked_on(realm: Realm) -> frozenset[str]:
    """Hosts that a run is installing or taking away now: what they answer, or do not, says nothing yet."""
    runs = Run.objects.filter(state=RunState.RUNNING, plan__action__in=(PlanAction.INSTALL, *PLANS_OF_REMOVAL))
    return frozenset(runs.filter(plan__replica__master__realm=realm).values_list("plan__replica__hostname", flat=True))


def without(health: Health, hosts: frozenset[str]) -> Health:
    """The same look without these servers, their agreements and their certificates."""
    return replace(
        health,
        servers=tuple(one for one in health.servers if one.name not in hosts),
        agreements=tuple(one for one in health.agreements if hosts.isdisjoint((one.supplier, one.consumer))),
        certificates=tuple(one for one in health.certificates if not any(host in one.what for host in hosts)),
        suggested=tuple(one for one in health.suggested if hosts.isdisjoint((one.one, one.other))),
        records=tuple((host, record) for host, record in health.records if host not in hosts),
    )


def found(health: dict[str, Any], records: list[dict[str, Any]]) -> dict[str, Any]:
    """The columns of a look that succeeded; a later one that fails leaves them, so they know their own time."""
    health = health | {READ_AT: timezone.now().isoformat()}
    return {"health": health, "dns": records, "error": "", "remedy": ""} | rating.rate(health, records)


def failed(error: str, remedy: str) -> dict[str, Any]:
    return {"error": error, "remedy": remedy, "level": RealmLevel.BAD}


def _look(realm: Realm) -> tuple[Health, list[dict[str, Any]]]:
    """Through the first master that can be asked. Raises PortalError, of the first one, when none can."""
    masters = Master.objects.filter(realm=realm).select_related("host_key").order_by("pk")[:WAYS_IN]
    backend = registry.get(realm.backend)
    expected = list(_expected(backend, realm))
    passwords, places = credentials.of_realm(realm, backend.secrets[0]), lying.places(realm)
    jobs = [Job("look", realm.facts(), master.endpoint(), master.endpoint(), Options()) for master in masters]

    known = wrong_passwords.refusals(realm.name, passwords)
    refused = {job.master: dict(known) for job in jobs}  # each server counts for itself

    async def ask(job: Job) -> Reading:
        return await _ask(backend, job, passwords, expected, places, refused[job.master])

    try:
        return asyncio.run(_steadily(ask, jobs))
    except HealthUnknown as error:
        raise error.first from None
    finally:
        wrong_passwords.count(realm.name, {name for one in refused.values() for name in one.keys() - known})


class HealthUnknown(Exception):
    """No master of the realm could be asked, twice; `first` says why the first one could not."""

    def __init__(self, first: PortalError) -> None:
        super().__init__(first.message)
        self.first = first


async def _steadily(ask: Ask, jobs: Sequence[Job]) -> Reading:
    """Read until two readings agree on what is wrong. Raises HealthUnknown when no master answers, twice."""
    previous: Reading | None = None
    failed: HealthUnknown | None = None
    for number in range(READINGS):
        if number:
            await asyncio.sleep(PAUSE_SECONDS)
        try:
            latest = await _through_first(ask, jobs)
        except HealthUnknown as error:
            if failed is not None:
                raise
            failed = error
            continue
        if previous is None and not confirmation.suspicious(latest):
            return latest
        if previous is not None:
            new = confirmation.troubles(latest) - confirmation.troubles(previous)
            if number == READINGS - 1 or not new:
                return confirmation.confirm(previous, latest)
        previous = latest
    raise AssertionError("of three readings two agree")


async def _through_first(ask: Ask, jobs: Sequence[Job]) -> Reading:
    """Return what the first master that can be asked says. Raises HealthUnknown."""
    errors: list[PortalError] = []
    for job in jobs:
        try:
            return await ask(job)
        except PortalError as error:
            errors.append(error)
    raise HealthUnknown(errors[0])


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
    backend: Backend,
    job: Job,
    passwords: dict[str, str],
    expected: Expected,
    places: list[lying.Place],
    refused: dict[str, PortalError] | None = None,
) -> tuple[Health, list[dict[str, Any]]]:
    ctx = ReadingContext(job, passwords, connect, refused)
    try:
        async with asyncio.timeout(SECONDS):
            health = await backend.look(ctx)
            found = replace(health, bundles=await lying.bundles(places, connect))
            return found, await compare(
                health.name_servers or (job.master.address,), list(dict.fromkeys([*expected, *health.records]))
            )
    except TimeoutError:
        raise PortalError(
            f"{job.realm.name} was not looked through within {SECONDS} s.", "See which of its servers does not answer."
        ) from None
    finally:
        await ctx.close()


async def compare(addresses: Sequence[str], expected: Expected) -> list[dict[str, Any]]:
    """Each record with its host, and what each name server says instead: an empty text where it is served.

    The zones are asked of the first of the addresses that knows them; the records of every name server of the zones.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def row(host: str, record: Record) -> dict[str, Any]:
        async with room:
            return await _row(addresses, host, record)

    return await together(*(row(host, record) for host, record in expected))


async def _row(addresses: Sequence[str], host: str, record: Record) -> dict[str, Any]:
    problem = ""
    for address in addresses:
        try:
            (placed,) = await place(address, (record,))
            break
        except DnsError as error:
            problem = problem or error.message
    else:
        return {"host": host, "record": str(record), "servers": {}, "problem": problem, "silent": []}
    asked = list(placed.zone.servers)
    missing = {one.server.name: one for one in await dns.absent(asked, [placed.record])}
    if all(server.name in missing and missing[server.name].cause for server in asked):
        # The NS records name nobody that answers, which says nothing of the record.
        first = dns.NameServer(placed.zone.primary, (placed.zone.primary,))
        missing |= {one.server.name: one for one in await dns.absent([first], [placed.record])}
        asked.append(first)
    servers = {server.name: _words(missing.get(server.name)) for server in asked}
    silent = [name for name, one in missing.items() if one.cause]
    shown = placed.record if record.type == "NS" else record
    return {"host": host, "record": str(shown), "servers": servers, "problem": "", "silent": silent}


def _words(absent: Absent | None) -> str:
    if absent is None:
        return ""
    return absent.cause or ", ".join(record.value for record in absent.served) or "nothing"

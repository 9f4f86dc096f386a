"""By which records name servers announce the realm's servers, and how the realm writes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from replicas.backends.freeipa import realm, records, zones
from replicas.backends.freeipa.records import Address
from replicas.backends.freeipa.replication import address
from replicas.clients import dns
from replicas.clients.dns import Absent, NameServer
from replicas.clients.freeipa.errors import FreeIpaError
from replicas.clients.freeipa.session import Session
from replicas.errors import DnsError, PortalError
from replicas.lifecycle.base import Context, Record, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.verify_dns import answer
from replicas.lifecycle.steps.zones import Placed, place
from replicas.together import together

UPDATES = 3
SERVED_SECONDS, POLL_SECONDS = 15.0, 0.5
STAYS_SECONDS = 2.0
"""A name server that has not heard of a deletion yet answers as before."""
QUESTIONS_AT_A_TIME = 50
COMMAND = "ipa dns-update-system-records"


@dataclass(frozen=True, slots=True)
class Said:
    """What name servers answered that leads to a server, who was asked, and who was silent, twice."""

    leads: tuple[str, ...]
    asked: tuple[str, ...]
    silent: tuple[str, ...]


async def update(ctx: Context, opened: Session) -> None:
    """Have the realm write them, until name servers serve the name that all authorities share.

    The realm deletes that name and adds it again within the second, which a name server can lose. What is lost for good
    is a warning. Raises FreeIpaError, DnsError.
    """
    for _ in range(UPDATES):
        written = await opened.call("dns_update_system_records")
        shared = [record for record in await records.every(opened) if records.shared(record)]
        if not (lost := await _lost(ctx, opened, shared)):
            break
    for text in written.warnings:
        ctx.log(text, "warning")
    holders = [] if shared else (await realm.role_holders(opened))["CA"]
    if holders:
        found = f"{ctx.job.realm.name} finds no address of its authorities ({', '.join(holders)})"
        ctx.log(f"{found}, and writes none for ipa-ca: see that the master resolves them, then «{COMMAND}»", "warning")
    for one in lost:
        ctx.log(f"{_plain(one.server)} does not serve «{one.record}»: enter «{COMMAND}» once more", "warning")
    if not (written.warnings or holders or lost):
        ctx.log(f"{ctx.job.realm.name} has brought its service records up to date")


async def mend(ctx: Context, opened: Session, wanted: Iterable[Record] = ()) -> None:
    """Have the realm write them once more if a name server that answers lacks one of these, or the shared name.

    It is no part of what was asked for: what prevents it is a warning.
    """
    try:
        shared = [record for record in await records.every(opened) if records.shared(record)]
        if lost := await _lost(ctx, opened, dict.fromkeys([*wanted, *shared])):
            told = "; ".join(f"{_plain(one.server)} does not serve «{one.record}»" for one in lost)
            ctx.log(f"The realm writes its service records once more: {told}")
            await update(ctx, opened)
    except (FreeIpaError, DnsError) as error:
        ctx.log(f"The service records were not written once more: {error}", "warning")


def mended(job: Job) -> Touch:
    """What approvers see of `mend`."""
    again = f"service records of every server of {job.realm.name}, written anew if a name server lacks one"
    return Touch("record", again, job.realm.name)


async def _lost(ctx: Context, opened: Session, wanted: Iterable[Record]) -> list[Absent]:
    """What name servers that answer do not serve after a while, or not any more a moment later."""
    placed = await those_that_tell(ctx, opened, wanted)
    end, served_since = time.monotonic() + SERVED_SECONDS, 0.0
    while placed:
        found = await together(*(dns.absent(one.zone.servers, [one.record]) for one in placed))
        lost = [one for some in found for one in some if not one.cause]
        now = time.monotonic()
        served_since = 0.0 if lost else served_since or now
        if lost and now > end:
            return lost
        if served_since and now - served_since >= STAYS_SECONDS:
            break
        await asyncio.sleep(POLL_SECONDS)
    return []


async def at_name_servers(ctx: Context, opened: Session, asked: Iterable[Record]) -> tuple[Placed, ...]:
    """Whom to ask for those that are in the realm's zones; nobody where no server of the realm serves them.

    Raises DnsError, StepError, HostError when none of those that should could be asked.
    """
    wanted = tuple(asked)
    servers = (await realm.role_holders(opened))["DNS"] if wanted else []
    known = await zones.names(opened) if servers else []
    held = tuple(record for record in wanted if zones.holding(record.name, known))
    return await place(await name_server(ctx, servers), held) if held else ()


async def those_that_tell(ctx: Context, opened: Session, asked: Iterable[Record]) -> tuple[Placed, ...]:
    """The same, and nobody, with a warning, where none could be asked."""
    try:
        return await at_name_servers(ctx, opened, asked)
    except PortalError as error:
        ctx.log(f"No name server of {ctx.job.realm.name} could be asked: {error}", "warning")
        return ()


async def name_server(ctx: Context, servers: Iterable[str]) -> str:
    """The address of the first of them that answers. Raises DnsError, StepError, HostError."""
    failure: PortalError = DnsError(f"No server of {ctx.job.realm.name} serves its zones.")
    for server in in_service(ctx.job, servers):
        try:
            found = await address(ctx, server)
            await dns.query(found, ctx.job.realm.domain, "SOA")
        except PortalError as error:
            failure = error
        else:
            return found
    raise failure


def in_service(job: Job, servers: Iterable[str]) -> list[str]:
    """Without a master that is worked without; the job's master first, as it is worked on, and the replica last."""
    kept = [one for one in servers if one != job.options.instead_of]
    return sorted(kept, key=lambda one: (one != job.master.hostname, one == job.replica.hostname, one))


async def leading(placed: Iterable[Placed], host: str, own: Collection[Address] = ()) -> Said:
    """What name servers answer that names the host, or is one of its own addresses."""
    room = asyncio.Semaphore(QUESTIONS_AT_A_TIME)

    async def answers(server: NameServer, record: Record) -> tuple[Record, ...] | None:
        async with room:
            found = await answer(server, record.name, record.type)
            return await answer(server, record.name, record.type) if found is None else found

    asked = [(server, each.record) for each in placed for server in each.zone.servers]
    found = list(zip(asked, await together(*(answers(*one) for one in asked)), strict=True))
    silent = {_plain(server) for (server, _), heard in found if heard is None}
    leads = [
        f"{_plain(server)} answers «{record}»"
        for (server, _), heard in found
        for record in heard or ()
        if records.names(record, host) or records.among(record, own)
    ]
    everybody = {_plain(server) for server, _ in asked}
    return Said(tuple(leads), tuple(sorted(everybody - silent)), tuple(sorted(silent)))


def _plain(server: NameServer) -> str:
    return server.name.rstrip(".")

"""By which records name servers announce the realm's servers, and how the realm writes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from replicas.backends.freeipa import realm, records, zones
from replicas.backends.freeipa.access import address_of
from replicas.clients import dns
from replicas.clients.dns import Absent
from replicas.clients.freeipa.session import Session
from replicas.lifecycle.base import Context, Record, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.verify_dns import answer
from replicas.lifecycle.steps.zones import Placed, place
from replicas.together import together

UPDATES = 3
SERVED_SECONDS, POLL_SECONDS = 15.0, 0.5
COMMAND = "ipa dns-update-system-records"


async def name_server(ctx: Context, servers: list[str]) -> str:
    """Of these, the address of a name server: the master's own, or that of another one as the master finds it."""
    job = ctx.job
    if job.master.hostname in servers:
        return job.master.address
    if job.replica.hostname in servers:
        return job.replica.address
    return await address_of(ctx, servers[0])


async def update(ctx: Context, opened: Session) -> None:
    """Have the realm write them, until name servers serve the name that all authorities share.

    The realm deletes that name and adds it again within the second, which a name server can lose. What is lost for good
    is a warning. Raises FreeIpaError, DnsError.
    """
    for _ in range(UPDATES):
        await opened.call("dns_update_system_records")
        lost = await _lost(ctx, opened)
        if not lost:
            break
    for one in lost:
        ctx.log(f"{one.server.name.rstrip('.')} does not serve «{one.record}»: enter «{COMMAND}» once more", "warning")
    ctx.log(f"{ctx.job.realm.name} has brought its service records up to date")


async def mend(ctx: Context, opened: Session) -> None:
    """Have the realm write them once more if a name server has lost that name. Raises as `update`."""
    if lost := await _lost(ctx, opened):
        for one in lost:
            ctx.log(f"{one.server.name.rstrip('.')} has lost «{one.record}»: the realm writes its records once more")
        await update(ctx, opened)


def mended(job: Job) -> Touch:
    """What approvers see of `mend` and `update`."""
    again = f"service records of every server of {job.realm.name}, written anew if a name server lacks one"
    return Touch("record", again, job.realm.name)


async def _lost(ctx: Context, opened: Session) -> list[Absent]:
    """What name servers that answer do not serve of the shared name after a while."""
    if not (wanted := [record for record in await records.every(opened) if records.shared(record)]):
        return []
    placed = await at_name_servers(ctx, opened, wanted)
    end = time.monotonic() + SERVED_SECONDS
    while True:
        found = await together(*(dns.absent(one.zone.servers, [one.record]) for one in placed))
        lost = [one for some in found for one in some if not one.cause]
        if not lost or time.monotonic() > end:
            return lost
        await asyncio.sleep(POLL_SECONDS)


async def at_name_servers(ctx: Context, opened: Session, asked: Iterable[Record]) -> tuple[Placed, ...]:
    """Whom to ask for those that are in the realm's zones; nobody where no server has the role."""
    if not (servers := (await realm.role_holders(opened))["DNS"]):
        return ()
    known = await zones.names(opened)
    held = tuple(record for record in asked if zones.holding(record.name, known))
    return await place(await name_server(ctx, servers), held) if held else ()


async def leading(placed: Iterable[Placed], host: str, addresses: Iterable[str] = ()) -> list[str]:
    """What name servers answer that names the host, or is one of its addresses; one that is silent says nothing."""
    own = records.parsed(addresses)
    asked = [(server, each.record) for each in placed for server in each.zone.servers]
    answers = await together(*(answer(server, record.name, record.type) for server, record in asked))
    return [
        f"{server.name.rstrip('.')} answers «{record}»"
        for (server, _), found in zip(asked, answers, strict=True)
        for record in found
        if records.names(record, host) or records.among(record, own)
    ]

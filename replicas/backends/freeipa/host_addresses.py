"""Address records that somebody made for the host: a server's entry takes them along, and a retry needs them."""

from __future__ import annotations

import contextlib

from replicas.backends.freeipa import zones
from replicas.backends.freeipa.access import session
from replicas.clients.dns import reverse_name
from replicas.clients.freeipa.session import Session
from replicas.errors import DnsError
from replicas.lifecycle.base import Context, Record

NOTED = "address_records"
"""Fact: those to be put back, as name, type and value; none when they are."""
KINDS = ("A", "AAAA")


async def note(ctx: Context) -> None:
    """Where the request adds none itself. Raises FreeIpaError, DnsError.

    What an attempt before noted stays: the server may have taken a part along since.
    """
    if not ctx.job.realm.dns or ctx.job.options.ip_addresses or ctx.facts.get(NOTED):
        return
    async with session(ctx) as opened:
        found = await _there(opened, f"{ctx.job.replica.hostname}.")
    if found:
        await ctx.fact(NOTED, [[one.name, one.type, one.value] for one in found])


async def restore(ctx: Context) -> None:
    """What has no zone any more is a warning. Raises FreeIpaError."""
    noted = ctx.facts.get(NOTED)
    if not isinstance(noted, list) or not noted:
        return
    async with session(ctx) as opened:
        known = await zones.names(opened)
        for name, kind, value in (map(str, one) for one in noted if isinstance(one, list)):
            record = Record(name, kind, value)
            try:
                if await zones.add(opened, zones.place(record, known)):
                    ctx.log(f"Put back {record}, which went with the server")
            except DnsError as error:
                ctx.log(f"Not put back: {record}. {error}", "warning")
    await ctx.fact(NOTED, [])


async def _there(opened: Session, name: str) -> list[Record]:
    """Those of the name, and of its addresses where they lead back to it."""
    known, found = await zones.names(opened), list[Record]()
    if not zones.holding(name, known):
        return []
    for kind in KINDS:
        for address in await zones.values(opened, zones.place(Record(name, kind, ""), known)):
            found.append(Record(name, kind, address))
            back = Record(reverse_name(address), "PTR", name)
            with contextlib.suppress(DnsError):  # no zone of the realm's holds it
                placed, shown = await zones.follow(opened, zones.place(back, known), known)
                if zones.has(placed, shown):
                    found.append(placed.record)
    return found

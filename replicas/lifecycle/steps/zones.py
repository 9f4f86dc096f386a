"""Which zone a record belongs to, where that zone is changed, and who serves it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replicas.clients import dns, dns_update
from replicas.clients.dns import NameServer
from replicas.errors import DnsError
from replicas.lifecycle.base import Context, Record

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

TRANSFER_SECONDS = 15.0
"""BIND holds a notification back for up to five."""
POLL_SECONDS = 0.1
KEY_FILE = "/etc/bind/ipa.key"


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone (absolute name), an address of its primary name server, and all its name servers."""

    name: str
    primary: str
    servers: tuple[NameServer, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A record and the zone it belongs to."""

    record: Record
    zone: Zone


async def place(server: str, records: tuple[Record, ...], reverse_zone: str = "") -> tuple[Placed, ...]:
    """Find the zone of each record among those of `server`, the most specific one; PTR go to `reverse_zone` if given.

    Raises DnsError for a record that no zone is there for, before anything is changed.
    """
    known: dict[str, Zone] = {}
    placed = []
    for record in records:
        name = await _zone_name(server, record, reverse_zone if record.type == "PTR" else "")
        if name not in known:
            known[name] = Zone(name, await primary(server, name), await dns.name_servers(server, name))
        placed.append(Placed(record, known[name]))
    return tuple(placed)


async def served(placed: Sequence[Placed]) -> bool:
    """Whether every name server has every record.

    What the primary has may be on its way to another one: a second replica may have become a name server just now.
    """
    for one in placed:
        there = await dns.lookup(one.zone.primary, one.record.name, one.record.type)
        if not any(dns.same(record, one.record) for record in there):
            return False
    end = time.monotonic() + TRANSFER_SECONDS
    while [one for one in placed if await dns.absent(one.zone.servers, [one.record])]:
        if time.monotonic() > end:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


async def stuck(ctx: Context, zone: str) -> bool:
    """Whether only the master that the job works without could change the zone, or tell who else can."""
    if not (lost := ctx.job.options.instead_of):
        return False
    try:
        soa = await dns.lookup(ctx.job.master.address, zone, "SOA")
    except DnsError:
        return True
    return not soa or soa[0].value.split()[0].rstrip(".").lower() == lost


async def read_key(ctx: Context, master: Host) -> dns_update.Key:
    """The realm's TSIG key, from the master; its secret is masked in the log from here on."""
    key = dns_update.parse_key((await master.read(KEY_FILE)).decode("utf-8", "replace"))
    ctx.mask(key.secret)
    return key


async def _zone_name(server: str, record: Record, chosen: str) -> str:
    found = await dns.zone_of(server, record.name)
    if not chosen:
        if found is None:
            raise _no_zone(server, record)
        return found
    wanted = dns.absolute(chosen)
    if not dns.absolute(record.name).endswith(f".{wanted}"):
        raise DnsError(
            f"The reverse zone {wanted} does not hold {record.name}, the reverse name of {record.value}'s address.",
            "Choose a reverse zone that covers the address, or leave the choice to the portal.",
        )
    if await dns.zone_of(server, wanted) != wanted:
        raise _no_zone(server, record, wanted)
    if found != wanted:
        raise DnsError(
            f"{server} looks for {record.name} in {found}, not in the reverse zone {wanted}.",
            f"Choose {found}, the more specific zone, or leave the choice to the portal.",
        )
    return wanted


def _no_zone(server: str, record: Record, zone: str = "") -> DnsError:
    if record.type == "PTR":
        missing = f"reverse zone {zone}" if zone else f"reverse zone for {record.name}"
        return DnsError(
            f"The name server {server} has no {missing}; nothing was changed.",
            "Add the reverse zone on the master, or ask for the replica without reverse records.",
        )
    return DnsError(f"The name server {server} has no zone for {record.name}.", "Add the zone on the master.")


async def primary(server: str, zone: str) -> str:
    """An address of the name server that the SOA record names: a master that was a replica serves a copy only."""
    soa = await dns.lookup(server, zone, "SOA")
    name = soa[0].value.split()[0]
    found = await dns.addresses(server, name)
    return server if server in found or not found else found[0]

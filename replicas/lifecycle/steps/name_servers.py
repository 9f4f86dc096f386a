"""Name servers of zones that clients will ask in vain: what a plan does not wait for, and its approvers should know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from replicas.clients import dns
from replicas.clients.dns import NameServer
from replicas.errors import DnsError, StepError
from replicas.lifecycle.steps.zones import Zone
from replicas.together import together

BEHIND_SECONDS = 5.0
"""BIND holds a notification back for so long."""
HALF = 1 << 31
REPAIR = (
    "The run does not wait for such a name server, but clients do. Repair it. Only if it no longer serves the zone: "
    'take it out of the NS records ("dig ZONE NS" shows them).'
)


async def require_alive(zones: Iterable[Zone], serials: bool = True) -> str:
    """Every name server of the zones has an address, answers, serves the zone and is up to date. Raises StepError.

    Without `serials`, each name server has a serial number of its own, as with FreeIPA, and they say nothing.
    """
    known = list({zone.name: zone for zone in zones}.values())
    asked = [(zone, server) for zone in known for server in zone.servers]
    causes = await together(*(_cause(zone, server, serials) for zone, server in asked))
    found: dict[str, list[str]] = {}
    for (zone, server), cause in zip(asked, causes, strict=True):
        if cause:
            found.setdefault(f"{server.name.rstrip('.') or server.name} {cause}", []).append(zone.name.rstrip("."))
    if found:
        told = "; ".join(f"{text} ({', '.join(names)})" for text, names in found.items())
        raise StepError(f"Some name servers do not serve their zones: {told}.", REPAIR)
    return f"Every name server answers: {', '.join(sorted({server.name.rstrip('.') for _, server in asked}))}"


async def _cause(zone: Zone, server: NameServer, serials: bool) -> str:
    """Return what is wrong with a name server, as the rest of a sentence; nothing where all is well."""
    if not server.addresses:
        return "has no address in the realm's DNS that clients can use"
    if target := await _alias(zone.primary, server.name):
        return f"is an alias for {target} (CNAME), and resolvers do not follow aliases of name servers"
    cause = ""
    for address in server.addresses:
        try:
            serial = await _serial(address, zone.name)
        except DnsError as error:
            cause = cause or f"cannot be asked: {error.message.rstrip('.')}"
            continue
        if serial is None:
            return "does not serve the zone"
        return await _behind(address, zone, serial) if serials else ""
    return cause


async def _alias(primary: str, name: str) -> str:
    """Return where a name leads that is an alias, as the primary name server knows it; an empty string otherwise."""
    with contextlib.suppress(DnsError):  # It need not know the name.
        return next((record.value.rstrip(".") for record in await dns.lookup(primary, name, "CNAME")), "")
    return ""


async def _behind(address: str, zone: Zone, serial: int) -> str:
    """Return how a copy is out of date, after the time that a notification may take."""
    for wait in (BEHIND_SECONDS, 0.0):
        first = await _serial(zone.primary, zone.name)
        if first is None or (first - serial) % HALF == 0 or (first - serial) % (2 * HALF) > HALF:
            return ""
        await asyncio.sleep(wait)
        serial = await _serial(address, zone.name) or serial
    return f"is out of date: its serial number is {serial}, that of the primary name server {first}"


async def _serial(address: str, zone: str) -> int | None:
    """Return the serial number of a zone; None where the server does not serve it. Raises DnsError."""
    answer = await dns.query(address, zone, "SOA")
    if not dns.authoritative(answer):
        return None
    return next((int(rrset[0].serial) for rrset in answer.answer if rrset.rdtype.name == "SOA"), None)

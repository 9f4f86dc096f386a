"""Which zone a record belongs to, where that zone is changed, and who serves it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replicas.clients import dns, dns_update
from replicas.clients.dns import Location, NameServer
from replicas.errors import DnsError
from replicas.lifecycle.base import Context, Record
from replicas.together import together

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

TRANSFER_SECONDS = 15.0
"""BIND holds a notification back for up to five."""
POLL_SECONDS = 0.1
KEY_FILE = "/etc/bind/ipa.key"
MAX_ALIASES = 16
"""BIND follows no more than that."""
LOCAL = "localhost."
"""The name server of zones that each name server has for itself."""
NO_REVERSE = 'Select "No reverse zone", and have whoever serves that zone add the PTR record.'


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone (absolute name), an address of its primary name server, and all its name servers."""

    name: str
    primary: str
    servers: tuple[NameServer, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A record and the zone it belongs to; `location` is where the name of the record is."""

    record: Record
    zone: Zone
    location: Location | None = None


async def place(
    server: str, records: tuple[Record, ...], reverse_zone: str = "", key: dns_update.Key | None = None
) -> tuple[Placed, ...]:
    """Find the zone of each record among those of `server`, the most specific one; PTR go to `reverse_zone` if given.

    A PTR record goes where the alias leads that its name is (RFC 2317), an NS record to the top of its zone. With a
    key, the primary name server of each zone is one that changes it for that key. Raises DnsError for a record without
    a zone, before anything is changed.
    """
    known: dict[str, Zone] = {}
    placed = []
    for record in records:
        location = await _location(server, record)
        if record.type == "PTR":
            await _require_chosen(server, record, location, reverse_zone)
        if location.zone is None:
            raise _no_zone(server, record, location)
        if record.type in ("PTR", "NS"):
            # A realm's domain need not be a zone: below the top of its zone, an NS record would delegate it to others.
            name = location.name if record.type == "PTR" else location.zone
            record = Record(name, record.type, record.value, record.ttl)
        if location.zone not in known:
            servers = await dns.name_servers(server, location.zone)
            first = _changed_at(server, record, location.zone, key) if key else primary(server, location.zone)
            known[location.zone] = Zone(location.zone, await first, servers)
        placed.append(Placed(record, known[location.zone], location))
    return tuple(placed)


async def _changed_at(server: str, record: Record, zone: str, key: dns_update.Key) -> str:
    """Return an address of a name server that changes the zone of a record for that key. Raises DnsError."""
    try:
        return await changeable(server, zone, key)
    except DnsError as error:
        if record.type != "PTR":
            raise
        if await is_local(server, zone):
            raise _no_zone(server, record, Location(record.name)) from error
        raise DnsError(error.message, f"{error.remedy} Otherwise: {NO_REVERSE}", retryable=True) from error


async def is_local(server: str, zone: str) -> bool:
    """Return whether a zone is one that each name server has for itself, by its SOA and NS records.

    Examples are 127.in-addr.arpa, and the empty zones for private addresses that Debian delivers. The file of a zone
    that clients use may have been copied from one of these: such a zone can be changed, or has other name servers too.
    """
    try:
        soa, servers = await together(*(dns.lookup(server, zone, kind) for kind in ("SOA", "NS")))
    except DnsError:
        return False
    return {record.value.split()[0] for record in (*soa, *servers)} == {LOCAL}


async def _location(server: str, record: Record) -> Location:
    """Return where a record belongs; for a PTR record, at the end of the aliases that begin at its name."""
    location = await dns.locate(server, record.name)
    if record.type != "PTR":
        return location
    names = [location.name]
    while location.alias:
        if len(names) > MAX_ALIASES:
            raise DnsError(
                f"{names[0]} is an alias, and more than {MAX_ALIASES} aliases follow each other from there, which name "
                "servers do not follow.",
                f"Shorten the chain of aliases. {NO_REVERSE}",
            )
        if location.alias.target in names:
            raise DnsError(
                f"{names[0]} is an alias that leads back to itself: {' -> '.join([*names, location.alias.target])}.",
                f"Correct the alias. {NO_REVERSE}",
            )
        names.append(location.alias.target)
        location = await dns.locate(server, names[-1])
    if location.zone is None and len(names) > 1:
        raise DnsError(
            f"{names[0]} is an alias for {names[-1]} (RFC 2317), in a zone that the name server {server} does not "
            "serve.",
            NO_REVERSE,
        )
    return location


async def _require_chosen(server: str, record: Record, location: Location, chosen: str) -> None:
    """Raises DnsError when the record does not belong to the reverse zone that was chosen."""
    if not chosen or location.zone == (wanted := dns.absolute(chosen)):
        return
    if location.name != dns.absolute(record.name):
        raise DnsError(
            f"{record.name} is an alias for {location.name}, which is in the zone {location.zone} and not in {wanted}.",
            "Leave the reverse zone empty: the portal follows the alias.",
        )
    if not dns.within(record.name, wanted):
        raise DnsError(
            f"The reverse zone {wanted} does not hold {record.name}, the reverse name of {record.value}'s address.",
            "Choose a reverse zone that covers the address, or leave the choice to the portal.",
        )
    if location.zone is None or await dns.zone_of(server, wanted) != wanted:
        raise _no_zone(server, record, location, wanted)
    raise DnsError(
        f"{server} looks for {record.name} in {location.zone}, not in the reverse zone {wanted}.",
        f"Choose {location.zone}, the more specific zone, or leave the choice to the portal.",
    )


def _no_zone(server: str, record: Record, location: Location, zone: str = "") -> DnsError:
    if location.delegation:
        return delegated(record, location.delegation)
    name = record.name.rstrip(".")
    if record.type == "PTR":
        missing = f"reverse zone {zone.rstrip('.')}" if zone else f"reverse zone for {name}"
        return DnsError(
            f"The name server {server} has no {missing}; nothing was changed.",
            'Add the reverse zone on the master, or select "No reverse zone".',
        )
    remedy = "Add the zone on the master."
    if record.type in ("A", "AAAA"):
        remedy = (
            f"Choose a host name in a zone that the master serves. Only if it is to serve that of {name}: add it there."
        )
    return DnsError(f"The name server {server} has no zone for {name}.", remedy)


def delegated(record: Record, delegation: dns.Delegation) -> DnsError:
    """Return the error for a record whose name the realm's zone delegates to other name servers."""
    others = ", ".join(name.rstrip(".") for name in delegation.servers)
    name, domain = record.name.rstrip("."), delegation.name.rstrip(".")
    message = f"{name} is in {domain}, which the realm's DNS delegates to {others}."
    if record.type == "PTR":
        return DnsError(message, NO_REVERSE)
    return DnsError(
        message,
        f"Have the {record.type} record added there, and leave the addresses out of the request; or choose a host name "
        "in a zone that the realm serves.",
    )


def require_no_alias(one: Placed) -> None:
    """Raises DnsError when the name of the record is an alias: a name server ignores other records of such a name."""
    alias = one.location.alias if one.location else None
    if alias and one.record.type not in ("PTR", "CNAME"):
        raise aliased(one.record.name, alias.record, alias.target)


def aliased(name: str, record: Record, target: str) -> DnsError:
    """Return the error for a host name that is an alias, by a stored record."""
    return DnsError(
        f'{name.rstrip(".")} is an alias for {target.rstrip(".")} ("{record}"): the name of a replica must be that of '
        "a host, with address records.",
        "Request the replica under another name, or have address records take the place of the alias."
        if record.type == "CNAME"
        else f"Request the replica under a name outside of {record.name.rstrip('.')}.",
    )


async def served(placed: Sequence[Placed]) -> bool:
    """Whether the primary name server of each zone has its records.

    What it has may be on its way to the others: a second replica may have become a name server just now. So those that
    answer are waited for a moment; one that stays out of date, or does not answer, stops nothing.
    """
    for one in placed:
        there = await dns.stored(one.zone.primary, one.record.name, one.record.type)
        if not any(dns.answers(record, one.record) for record in there):
            return False
    end = time.monotonic() + TRANSFER_SECONDS
    while time.monotonic() < end:
        missing = await together(*(dns.absent(one.zone.servers, [one.record]) for one in placed))
        if all(absent.cause for several in missing for absent in several):
            break
        await asyncio.sleep(POLL_SECONDS)
    return True


async def stuck(ctx: Context, zone: str) -> bool:
    """Whether only the master that the job works without could change the zone, or tell who else can.

    `zone` may also be a name in it, such as the realm's domain.
    """
    if not (lost := ctx.job.options.instead_of):
        return False
    try:
        soa = await dns.lookup(ctx.job.master.address, await home(ctx, zone), "SOA")
    except DnsError:
        return True
    return not soa or soa[0].value.split()[0].rstrip(".").lower() == lost


async def home(ctx: Context, name: str) -> str:
    """Return the zone of a name, such as the realm's domain, as the master serves it; the name itself if it does not.

    Raises DnsError.
    """
    return await dns.zone_of(ctx.job.master.address, name) or dns.absolute(name)


async def read_key(ctx: Context, master: Host) -> dns_update.Key:
    """The realm's TSIG key, from the master; its secret is masked in the log from here on."""
    key = dns_update.parse_key((await master.read(KEY_FILE)).decode("utf-8", "replace"))
    ctx.mask(key.secret)
    return key


async def primary(server: str, zone: str) -> str:
    """Return an address of the primary name server: a master that was a replica serves a copy only.

    That is the one that the SOA record names, or `server` itself where none by that name answers. Raises DnsError when
    `server` does not serve the zone.
    """
    for address in await _primaries(server, zone):
        if address == server:
            return server
        with contextlib.suppress(DnsError):
            if dns.authoritative(await dns.query(address, zone, "SOA")):
                return address
    return server


async def changeable(server: str, zone: str, key: dns_update.Key) -> str:
    """Return an address of a name server that changes the zone for that key. Raises DnsError when there is none."""
    causes = []
    for address in await _primaries(server, zone):
        try:
            if await dns_update.accepts(address, zone, key):
                return address
            causes.append(f"{address} does not accept changes with the key {key.name}")
        except DnsError as error:
            causes.append(error.message.rstrip("."))
    raise DnsError(
        f"The zone {zone} cannot be changed: {'; '.join(causes)}.",
        "See that the primary name server of the zone runs and allows updates with that key.",
        retryable=True,
    )


async def _primaries(server: str, zone: str) -> tuple[str, ...]:
    """Return where the primary name server may be: the addresses of the name in the SOA record, then `server`.

    `server` may be the primary one under another name. Raises DnsError when it does not serve the zone.
    """
    soa = await dns.lookup(server, zone, "SOA")
    if not soa:
        raise DnsError(
            f"The name server {server} does not serve the zone {zone}.",
            "See in the log of its name service why it did not load the zone.",
        )
    named: tuple[str, ...] = ()
    with contextlib.suppress(DnsError):  # SERVFAIL for a name elsewhere
        named = await dns.addresses(server, soa[0].value.split()[0])
    return (server,) if server in named else (*named, server)

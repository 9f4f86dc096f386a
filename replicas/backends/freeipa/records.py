"""The records by which clients find a server, as the realm itself expects them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeAlias

from replicas.clients import dns
from replicas.clients.freeipa.session import Session
from replicas.errors import DnsError
from replicas.lifecycle.base import Record

Address: TypeAlias = IPv4Address | IPv6Address
ADDRESSES = ("A", "AAAA")
SHARED = "ipa-ca"
TRUST = tuple(
    f"{service}.{site}dc._msdcs"
    for service in ("_ldap._tcp", "_kerberos._tcp", "_kerberos._udp")
    for site in ("", "default-first-site-name._sites.")
)
"""Services of AD trust controllers."""


async def expected(session: Session, host: str, addresses: Collection[str] = ()) -> tuple[Record, ...]:
    """The records that lead to the host, by the realm's own reckoning; none for a hidden server. Raises DnsError.

    With its addresses also those of the name that all authorities share (ipa-ca).
    """
    return leading(await _lines(session), host, addresses)


async def every(session: Session) -> tuple[Record, ...]:
    """The records of all servers, likewise."""
    return tuple(map(read, await _lines(session)))


async def _lines(session: Session) -> list[str]:
    value: dict[str, Any] = (await session.call("dns_update_system_records", dry_run=True)).value
    return [*value.get("ipa_records", ()), *value.get("location_records", ())]


def questions(records: Iterable[Record]) -> tuple[Record, ...]:
    """One record of each name and type that can lead to a server, by its name or as one of several addresses."""
    leading = (record for record in records if record.type in ("SRV", "URI") or shared(record))
    found = {(record.name, record.type): record for record in leading}
    return tuple(found.values())


def of_some(domain: str) -> tuple[Record, ...]:
    """Names that only servers of a role have, so that the realm writes them no more when the last of these is gone."""
    wanted = [*((name, "SRV") for name in TRUST), *((SHARED, kind) for kind in ADDRESSES)]
    return tuple(Record(f"{name}.{domain}.", kind, "") for name, kind in wanted)


def leading(lines: Iterable[str], host: str, addresses: Collection[str] = ()) -> tuple[Record, ...]:
    """Those of zone-file lines («NAME TTL IN TYPE VALUE») whose value names the host, or is one of its addresses."""
    own = parsed(addresses)
    return tuple(
        record for record in map(read, lines) if names(record, host) or (shared(record) and among(record, own))
    )


def shared(record: Record) -> bool:
    """Whether it is one of the name that all authorities share."""
    return record.type in ADDRESSES and record.name.startswith(f"{SHARED}.")


def among(record: Record, known: Collection[Address]) -> bool:
    """Whether it is one of these addresses."""
    return record.type in ADDRESSES and ip_address(record.value) in known


def parsed(addresses: Iterable[str]) -> set[Address]:
    return {ip_address(one) for one in addresses}


def read(line: str) -> Record:
    """Raises DnsError for something else than a record."""
    words = line.split(None, 4)
    if len(words) != 5 or words[2] != "IN" or not words[1].isdecimal():
        raise DnsError(f"«{line}» is not a DNS record.", "See what «ipa dns-update-system-records --dry-run» says.")
    name, ttl, _, kind, value = words
    return dns.normalise(Record(name, kind, value, int(ttl)))


def names(record: Record, host: str) -> bool:
    """Whether an SRV, NS or CNAME record ends at the host, or a URI record («krb5srv:m:tcp:HOST.») does."""
    last = record.value.split()[-1].strip('"').rstrip(".").lower()
    return last == host or (record.type == "URI" and last.endswith(f":{host}"))

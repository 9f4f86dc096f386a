"""DNS, asked of one server directly: lookups, zones and their name servers. Updates are in `dns_update`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from replicas.errors import DnsError
from replicas.lifecycle.base import Record
from replicas.together import together

SECONDS = 3.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server of a zone (absolute name), and its addresses."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """A record that a name server does not serve, with what it says instead, or why it said nothing."""

    server: NameServer
    record: Record
    served: tuple[Record, ...] = ()
    cause: str = ""


def absolute(name: str) -> str:
    """Lower case, with the final dot. Raises DnsError for what cannot be a domain name."""
    try:
        return dns.name.from_text(name).canonicalize().to_text()
    except dns.exception.DNSException as error:
        raise DnsError(f"{name!r} is not a domain name: {error}.") from error


def reverse_name(address: str) -> str:
    """The name of an address's PTR record. Raises DnsError."""
    try:
        return dns.reversename.from_address(address).to_text()
    except (dns.exception.DNSException, ValueError) as error:
        raise DnsError(f"{address!r} is not an IP address.") from error


def normalise(record: Record, zone: str = ".") -> Record:
    """The same record in the one form in which records can be compared; names in its value are relative to the zone.

    Raises DnsError.
    """
    try:
        origin = dns.name.from_text(zone)
        data = dns.rdata.from_text(dns.rdataclass.IN, record.type, record.value, origin=origin, relativize=False)
        value = _canonical(data)
    except dns.exception.DNSException as error:
        raise DnsError(f"«{record}» is not a DNS record: {error}.") from error
    return Record(absolute(record.name), record.type.upper(), value, record.ttl)


def same(one: Record, other: Record) -> bool:
    """Whether name, type and value agree; how long they may be kept does not matter."""
    first, second = normalise(one), normalise(other)
    return (first.name, first.type, first.value) == (second.name, second.type, second.value)


async def query(server: str, name: str, kind: str, *, recursive: bool = False) -> dns.message.Message:
    """One server's answer, over TCP where UDP has no room for it. Raises DnsError when there is none or it refuses."""
    asked = dns.message.make_query(absolute(name), kind)
    if not recursive:
        asked.flags &= ~dns.flags.RD
    try:
        answer, _ = await dns.asyncquery.udp_with_fallback(asked, server, timeout=SECONDS, ignore_unexpected=True)
    except (dns.exception.DNSException, OSError) as error:
        raise DnsError(
            f"The name server {server} does not answer: {_cause(error)}.",
            "See that its name service runs, and that a firewall lets port 53 (UDP and TCP) through.",
            retryable=True,
        ) from error
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        code = dns.rcode.to_text(answer.rcode())
        raise DnsError(f"The name server {server} answers {code} for {absolute(name)} {kind}.", retryable=True)
    return answer


async def lookup(server: str, name: str, kind: str, *, recursive: bool = False) -> tuple[Record, ...]:
    """The records of that name and type that one server knows; none when it says that there are none."""
    answer = await query(server, name, kind, recursive=recursive)
    return tuple(
        sorted(
            (record for rrset in answer.answer for record in _records(rrset) if record.type == kind),
            key=lambda r: r.value,
        )
    )


async def zone_of(server: str, name: str) -> str | None:
    """The most specific zone with that name for which the server is authoritative, and None when there is none.

    BIND answers for private reverse zones that nobody made, from built-in empty ones, whose contact is the root.
    """
    try:
        answer = await query(server, name, "SOA")
    except DnsError as error:
        if "REFUSED" in error.message:
            return None
        raise
    if not answer.flags & dns.flags.AA:
        return None
    for rrset in (*answer.answer, *answer.authority):
        if rrset.rdtype == dns.rdatatype.SOA and rrset[0].rname != dns.name.root:
            return rrset.name.canonicalize().to_text()
    return None


async def name_servers(server: str, zone: str) -> tuple[NameServer, ...]:
    """The zone's name servers, as `server` knows them; it resolves their addresses, none where it cannot.

    Raises DnsError when it does not answer, or knows none.
    """
    names = [record.value for record in await lookup(server, zone, "NS")]
    if not names:
        raise DnsError(f"The name server {server} knows no name server of {absolute(zone)}.")
    found = []
    for name in sorted(names):
        known: tuple[str, ...] = ()
        with contextlib.suppress(DnsError):  # SERVFAIL for the name of a secondary elsewhere
            known = await addresses(server, name)
        found.append(NameServer(name, known))
    return tuple(found)


async def addresses(server: str, name: str) -> tuple[str, ...]:
    """IPv4 before IPv6."""
    found = await together(*(lookup(server, name, kind, recursive=True) for kind in ("A", "AAAA")))
    return tuple(record.value for records in found for record in records)


async def served(server: NameServer, record: Record) -> Absent | None:
    """None when the name server serves exactly that record. Its addresses are tried in order until one answers."""
    cause = "it has no address"
    for address in server.addresses:
        try:
            found = await lookup(address, record.name, record.type)
        except DnsError as error:
            cause = error.message
            continue
        return None if any(same(one, record) for one in found) else Absent(server, record, found)
    return Absent(server, record, cause=cause)


async def absent(servers: Iterable[NameServer], records: Iterable[Record]) -> list[Absent]:
    """What is not served, asking every server for every record, all at once."""
    wanted = list(records)
    found = await together(*(served(server, record) for server in servers for record in wanted))
    return [one for one in found if one is not None]


async def wait_until_served(servers: Sequence[NameServer], record: Record, timeout: float = 30) -> None:
    """Return when every one of the name servers serves the record. Raises DnsError naming those that do not."""
    end = time.monotonic() + timeout
    while missing := await absent(servers, [record]):
        if time.monotonic() > end:
            names = ", ".join(one.server.name for one in missing)
            raise DnsError(
                f"After {timeout:g} s these name servers do not serve «{record}»: {names}.",
                "See that zone transfers to them work, and try again.",
                retryable=True,
            )
        await asyncio.sleep(POLL_SECONDS)


def _records(rrset: dns.rrset.RRset) -> list[Record]:
    kind = dns.rdatatype.to_text(rrset.rdtype)
    return [Record(rrset.name.canonicalize().to_text(), kind, _canonical(data), rrset.ttl) for data in rrset]


def _canonical(data: dns.rdata.Rdata) -> str:
    """The value in presentation format, names in it absolute and in lower case."""
    wire = data.to_digestable(dns.name.root)
    return dns.rdata.from_wire(data.rdclass, data.rdtype, wire, 0, len(wire)).to_text()


def _cause(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        return f"no answer within {SECONDS:g} s"
    return getattr(error, "strerror", None) or str(error)

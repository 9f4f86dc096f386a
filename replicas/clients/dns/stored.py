"""Where a name is, and what its zone holds under it: a wildcard answers for names that do not exist."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex

import dns.message
import dns.name
import dns.rdatatype

from replicas.clients.dns.queries import authoritative, delegation, query, records
from replicas.clients.dns.records import absolute, canonical, parent
from replicas.errors import DnsError
from replicas.lifecycle.base import Record

MAX_LABELS = 128
DNAME = "DNAME"


@dataclass(frozen=True, slots=True)
class Alias:
    """A stored CNAME record, or a DNAME record of a domain above the name; `target` is what the name stands for."""

    record: Record
    target: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """A domain (absolute name) that a zone delegates, and the name servers that it names."""

    name: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Location:
    """Where a name is, as one server says: in a zone that it serves, or below a delegation; or it knows nothing."""

    name: str
    zone: str | None = None
    alias: Alias | None = None
    delegation: Delegation | None = None


async def stored(server: str, name: str, kind: str) -> tuple[Record, ...]:
    """Return the records of a name and type without those that a wildcard or a DNAME record only lends it.

    An alias that is stored is followed as far as the server can. Raises DnsError.
    """
    answer = await query(server, name, kind)
    found = records(answer, kind)
    if not found or any(rrset.rdtype == dns.rdatatype.DNAME for rrset in answer.answer):
        return ()
    for owner in dict.fromkeys((absolute(name), *(record.name for record in found))):
        if await synthesized(server, owner, kind):
            return ()
    return found


async def synthesized(server: str, name: str, kind: str) -> bool:
    """Return whether a wildcard made the server's answer, because the name itself does not exist (RFC 4592).

    A wildcard answers for all that is below a name that does not exist, and for nothing below one that exists. Where
    the name has a wildcard below it, its answer is compared with that for a name beside it. Raises DnsError.
    """
    label = f"portal-{token_hex(8)}"
    below = await query(server, f"{label}.{absolute(name)}", kind)
    if not below.answer:  # With an answer, NXDOMAIN is about the name that an alias leads to (RFC 6604).
        return False
    try:
        beside = await query(server, f"{label}.{parent(name)}", kind)
    except DnsError:
        return False  # The name is the top of its zone, which exists.
    if not authoritative(beside):
        return False
    own = await query(server, name, kind)
    return bool(own.answer) and _content(own) == _content(beside) == _content(below)


def _content(answer: dns.message.Message) -> set[tuple[int, str]]:
    """Return types and values of the first set of records, without their owner."""
    return {(rrset.rdtype, canonical(data)) for rrset in answer.answer[:1] for data in rrset}


async def zone_of(server: str, name: str) -> str | None:
    """The most specific zone with that name for which the server is authoritative, and None when there is none."""
    return (await locate(server, name)).zone


async def locate(server: str, name: str) -> Location:
    """Return where the name is, as that server says. Raises DnsError when it does not answer."""
    name = absolute(name)
    try:
        answer = await query(server, name, "SOA")
    except DnsError as error:
        if "REFUSED" in error.message:
            return Location(name)
        raise
    if not authoritative(answer):
        return Location(name, delegation=_referral(answer, name))
    if not answer.answer or answer.answer[0].rdtype == dns.rdatatype.SOA:
        return Location(name, _apex(answer))
    return Location(name, await _zone_above(server, name), await _alias(server, name, answer))


def _referral(answer: dns.message.Message, name: str) -> Delegation | None:
    """Return where the server sends others to; a referral to the root says only that it knows nothing."""
    rrset = delegation(answer)
    if rrset is None or rrset.name == dns.name.root or not dns.name.from_text(name).is_subdomain(rrset.name):
        return None
    return Delegation(rrset.name.canonicalize().to_text(), tuple(sorted(canonical(data) for data in rrset)))


def _apex(answer: dns.message.Message) -> str | None:
    """Return the name of the zone.

    BIND answers for private reverse zones that nobody made, from built-in empty ones, whose contact is the root.
    """
    for rrset in (*answer.answer, *answer.authority):
        if rrset.rdtype == dns.rdatatype.SOA and rrset[0].rname != dns.name.root:
            return rrset.name.canonicalize().to_text()
    return None


async def _zone_above(server: str, name: str) -> str | None:
    """Return the zone of an alias: the SOA record in its answer may be that of the zone it leads to."""
    for _ in range(MAX_LABELS):
        name = parent(name)
        answer = await query(server, name, "SOA")
        if not authoritative(answer):
            return None
        if not answer.answer or answer.answer[0].rdtype == dns.rdatatype.SOA:
            return _apex(answer)
    return None


async def _alias(server: str, name: str, answer: dns.message.Message) -> Alias | None:
    """Return the alias that an answer begins with, unless it is one that a wildcard made."""
    chain = {
        rrset.name.canonicalize().to_text(): rrset for rrset in answer.answer if rrset.rdtype == dns.rdatatype.CNAME
    }
    target = canonical(chain[name][0]) if name in chain else ""
    first = answer.answer[0]
    owner, kind = first.name.canonicalize().to_text(), dns.rdatatype.to_text(first.rdtype)
    if kind == DNAME:
        return Alias(Record(owner, kind, canonical(first[0]), first.ttl), target)
    if not target or await synthesized(server, name, "SOA"):
        return None
    return Alias(Record(name, "CNAME", target, first.ttl), target)

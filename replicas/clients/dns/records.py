"""Names and records in the one form in which they can be compared."""

from __future__ import annotations

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.reversename
import dns.rrset

from replicas.errors import DnsError
from replicas.lifecycle.base import Record


def absolute(name: str) -> str:
    """Lower case, with the final dot. Raises DnsError for what cannot be a domain name."""
    try:
        return dns.name.from_text(name).canonicalize().to_text()
    except dns.exception.DNSException as error:
        raise DnsError(f"{name!r} is not a domain name: {error}.") from error


def parent(name: str) -> str:
    """Return the absolute name without its first label. Raises DnsError, also for the root."""
    try:
        return dns.name.from_text(name).parent().canonicalize().to_text()
    except dns.exception.DNSException as error:
        raise DnsError(f"{name!r} has no parent domain: {error}.") from error


def within(name: str, zone: str) -> bool:
    """Return whether a name is the zone's own name or below it. Raises DnsError."""
    try:
        return dns.name.from_text(name).is_subdomain(dns.name.from_text(zone))
    except dns.exception.DNSException as error:
        raise DnsError(f"{name!r} or {zone!r} is not a domain name: {error}.") from error


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
        value = canonical(data)
    except dns.exception.DNSException as error:
        raise DnsError(f"«{record}» is not a DNS record: {error}.") from error
    return Record(absolute(record.name), record.type.upper(), value, record.ttl)


def same(one: Record, other: Record) -> bool:
    """Whether name, type and value agree; how long they may be kept does not matter."""
    first, second = normalise(one), normalise(other)
    return (first.name, first.type, first.value) == (second.name, second.type, second.value)


def answers(one: Record, wanted: Record) -> bool:
    """Return whether a record in an answer is the wanted one.

    A reverse name may be an alias for a name in another zone (RFC 2317), so the owner of a PTR record does not count.
    """
    if wanted.type == "PTR":
        one = Record(wanted.name, one.type, one.value)
    return same(one, wanted)


def of_rrset(rrset: dns.rrset.RRset) -> list[Record]:
    """Return the records of a set, normalized."""
    kind = dns.rdatatype.to_text(rrset.rdtype)
    return [Record(rrset.name.canonicalize().to_text(), kind, canonical(data), rrset.ttl) for data in rrset]


def canonical(data: dns.rdata.Rdata) -> str:
    """The value in presentation format, names in it absolute and in lower case."""
    wire = data.to_digestable(dns.name.root)
    return dns.rdata.from_wire(data.rdclass, data.rdtype, wire, 0, len(wire)).to_text()

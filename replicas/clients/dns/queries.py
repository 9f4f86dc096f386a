"""Questions to one name server, and its answers."""

from __future__ import annotations

import contextlib
import errno
from dataclasses import dataclass
from ipaddress import ip_address

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from replicas.clients.dns.records import absolute, of_rrset
from replicas.errors import DnsError
from replicas.lifecycle.base import Record
from replicas.together import together

SECONDS = 3.0
REMEDIES = {
    "SERVFAIL": "See in the log of its name service whether the zone was loaded, or has expired there.",
    "REFUSED": "See that it serves the zone, and that its access lists let the portal's address ask.",
}


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server of a zone (absolute name), and its addresses."""

    name: str
    addresses: tuple[str, ...]


async def query(server: str, name: str, kind: str, *, recursive: bool = False) -> dns.message.Message:
    """One server's answer, over TCP where UDP has no room for it. Raises DnsError when there is none or it refuses.

    BIND fails on aliases that lead in a circle. A query for the alias itself does not follow it, so its answer counts.
    """
    answer = await _exchange(server, name, kind, recursive)
    if answer.rcode() == dns.rcode.SERVFAIL and not recursive:
        alias = await _exchange(server, name, "CNAME", recursive)
        if alias.rcode() == dns.rcode.NOERROR and alias.answer:
            return alias
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        code = dns.rcode.to_text(answer.rcode())
        raise DnsError(
            f"The name server {server} answers {code} for {absolute(name)} {kind}.",
            REMEDIES.get(code, ""),
            retryable=True,
        )
    return answer


async def _exchange(server: str, name: str, kind: str, recursive: bool) -> dns.message.Message:
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
    return answer


async def lookup(server: str, name: str, kind: str, *, recursive: bool = False) -> tuple[Record, ...]:
    """The records of that name and type that one server knows; none when it says that there are none."""
    return records(await query(server, name, kind, recursive=recursive), kind)


def records(answer: dns.message.Message, kind: str) -> tuple[Record, ...]:
    """Return the records of that type in an answer, in order of their values."""
    found = (record for rrset in answer.answer for record in of_rrset(rrset) if record.type == kind)
    return tuple(sorted(found, key=lambda record: record.value))


def authoritative(answer: dns.message.Message) -> bool:
    """Return whether the server answers from a zone that it serves."""
    return bool(answer.flags & dns.flags.AA)


def delegation(answer: dns.message.Message) -> dns.rrset.RRset | None:
    """Return the NS records of a referral: those of a zone that the server's own zone delegates to others."""
    if authoritative(answer) or answer.answer:
        return None
    return next((rrset for rrset in answer.authority if rrset.rdtype == dns.rdatatype.NS), None)


async def name_servers(server: str, zone: str) -> tuple[NameServer, ...]:
    """The zone's name servers, as `server` knows them; it resolves their addresses, none where it cannot.

    Raises DnsError when it does not answer, or knows none.
    """
    names = [record.value for record in await lookup(server, zone, "NS")]
    if not names:
        raise DnsError(f"The name server {server} knows no name server of {absolute(zone)}.")
    found = await together(*(_addresses(server, name) for name in sorted(names)))
    return tuple(NameServer(name, known) for name, known in zip(sorted(names), found, strict=True))


async def _addresses(server: str, name: str) -> tuple[str, ...]:
    with contextlib.suppress(DnsError):  # SERVFAIL for the name of a secondary elsewhere
        return await addresses(server, name)
    return ()


async def addresses(server: str, name: str) -> tuple[str, ...]:
    """Return the addresses of a host, IPv4 before IPv6, without those that mean another machine to each who asks."""
    found = await together(*(lookup(server, name, kind, recursive=True) for kind in ("A", "AAAA")))
    return tuple(record.value for records in found for record in records if not _elsewhere(record.value))


def _elsewhere(address: str) -> bool:
    """Return whether an address leads to the asking machine itself, or depends on the network that it is in."""
    known = ip_address(address)
    known = getattr(known, "ipv4_mapped", None) or known
    return known.is_loopback or known.is_link_local or known.is_multicast or known.is_unspecified


def _cause(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        return f"no answer within {SECONDS:g} s"
    if getattr(error, "errno", None) in (errno.ENETUNREACH, errno.EADDRNOTAVAIL):
        return "the portal has no route to that address"
    return getattr(error, "strerror", None) or str(error)

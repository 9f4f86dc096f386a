"""Signed dynamic updates (RFC 2136, RFC 8945) of one record at a time, safe against a change in between."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update

from replicas.clients.dns import SECONDS, lookup, normalise, same
from replicas.errors import DnsError
from replicas.lifecycle.base import Record

# Types of which a name has one value, or those that a host has anyway; another value belongs to somebody else.
OWNED = ("A", "AAAA", "PTR", "CNAME", "TXT")
KEY_NAME = re.compile(r'key\s+"?([^"\s{]+)"?\s*\{')
KEY_FIELD = re.compile(r'(algorithm|secret)\s+"?([^";\s]+)"?\s*;')
CHANGED = (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN)


@dataclass(frozen=True, slots=True)
class Key:
    """A TSIG key; its secret is base64."""

    name: str
    algorithm: str
    secret: str = field(repr=False)


def parse_key(text: str) -> Key:
    """Read BIND's `key` statement. Raises DnsError, which shows nothing of the text."""
    name = KEY_NAME.search(text)
    fields = dict(KEY_FIELD.findall(text))
    if name is None or len(fields) != 2:
        raise DnsError("The TSIG key file has no complete key statement.", "Look at /etc/bind/ipa.key on the master.")
    return Key(name.group(1), fields["algorithm"], fields["secret"])


async def add(server: str, zone: str, record: Record, key: Key, expected: tuple[Record, ...] = ()) -> bool:
    """Add a record; False when the identical one is there. Raises DnsError for a conflicting one, showing both.

    Records in `expected` (the host's other addresses, for instance) are no conflict.
    """
    there = await lookup(server, record.name, record.type)
    if any(same(one, record) for one in there):
        return False
    refuse_conflicts(zone, there, record, expected)
    await _send(server, zone, key, there, add_one=record)
    return True


async def remove(server: str, zone: str, record: Record, key: Key) -> bool:
    """Take away exactly that record, and no other of its name; False when it is not there."""
    there = await lookup(server, record.name, record.type)
    if not any(same(one, record) for one in there):
        return False
    await _send(server, zone, key, there, remove_one=record)
    return True


def refuse_conflicts(zone: str, there: tuple[Record, ...], record: Record, expected: tuple[Record, ...] = ()) -> None:
    """Raise DnsError with both values when a record that is there contradicts the new one."""
    for one in conflicts(there, record, expected):
        raise DnsError(
            f"{record.name} has another {record.type} record: «{one.value}» is there, «{record.value}» is wanted.",
            f"Remove «{one}» from the zone {zone} if it is out of date, or choose another name or address.",
        )


def conflicts(there: tuple[Record, ...], record: Record, expected: tuple[Record, ...] = ()) -> list[Record]:
    """Those records that contradict the new one: for services, the same target with other numbers."""
    strange = [one for one in there if not any(same(one, other) for other in (record, *expected))]
    if record.type in OWNED:
        return strange
    if record.type == "SRV":
        target, port = normalise(record).value.split()[3], normalise(record).value.split()[2]
        return [one for one in strange if one.value.split()[3] == target and one.value.split()[2] == port]
    return []


async def _send(
    server: str,
    zone: str,
    key: Key,
    there: tuple[Record, ...],
    add_one: Record | None = None,
    remove_one: Record | None = None,
) -> None:
    """Send one change on the condition that the records of that name and type are still those in `there`."""
    changed = add_one or remove_one
    if changed is None:
        raise ValueError("nothing to change")
    ring = dns.tsigkeyring.from_text({key.name: (key.algorithm, key.secret)})
    update = dns.update.UpdateMessage(zone, keyring=ring)
    name = dns.name.from_text(changed.name)
    if there:
        update.present(name, _rdataset(there))
    else:
        update.absent(name, changed.type)
    if add_one:
        update.add(name, add_one.ttl, add_one.type, add_one.value)
    if remove_one:
        update.delete(name, remove_one.type, remove_one.value)
    try:
        answer = await dns.asyncquery.tcp(update, server, timeout=SECONDS)
    except dns.tsig.PeerError as error:
        raise DnsError(
            f"The name server {server} does not accept the TSIG key {key.name}: {error}.",
            "See that the key file is the one that the name server has loaded, and that both clocks are right.",
        ) from error
    except (dns.exception.DNSException, OSError) as error:
        raise DnsError(f"The update of {zone} at {server} failed: {error}.", retryable=True) from error
    _judge(server, zone, changed, answer.rcode())


def _rdataset(records: tuple[Record, ...]) -> dns.rrset.RRset:
    return dns.rrset.from_text(records[0].name, 0, "IN", records[0].type, *(record.value for record in records))


def _judge(server: str, zone: str, record: Record, code: dns.rcode.Rcode) -> None:
    if code == dns.rcode.NOERROR:
        return
    if code in CHANGED:
        raise DnsError(f"{record.name} was changed by somebody else at the same time.", "Try again.", retryable=True)
    raise DnsError(
        f"The name server {server} answers {dns.rcode.to_text(code)} to adding or removing «{record}» in {zone}.",
        "See that the zone is a primary one there and allows updates with the key.",
    )

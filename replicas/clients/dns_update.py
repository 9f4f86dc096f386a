"""Signed dynamic updates (RFC 2136, RFC 8945) of one record at a time, safe against a change in between."""

from __future__ import annotations

from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rrset
import dns.tsig
import dns.update

from replicas.clients import named_conf
from replicas.clients.dns import SECONDS, absolute, normalise, same, stored
from replicas.errors import DnsError
from replicas.lifecycle.base import Record

# Types of which a name has one value, or those that a host has anyway; another value belongs to somebody else.
OWNED = ("A", "AAAA", "PTR", "CNAME", "TXT")
ALGORITHMS = {
    "hmac-md5": dns.tsig.HMAC_MD5,
    "hmac-md5.sig-alg.reg.int": dns.tsig.HMAC_MD5,
    "hmac-sha1": dns.tsig.HMAC_SHA1,
    "hmac-sha224": dns.tsig.HMAC_SHA224,
    "hmac-sha256": dns.tsig.HMAC_SHA256,
    "hmac-sha256-128": dns.tsig.HMAC_SHA256_128,
    "hmac-sha384": dns.tsig.HMAC_SHA384,
    "hmac-sha384-192": dns.tsig.HMAC_SHA384_192,
    "hmac-sha512": dns.tsig.HMAC_SHA512,
    "hmac-sha512-256": dns.tsig.HMAC_SHA512_256,
}
"""Algorithms by the names that BIND's configuration has for them."""
CHANGED = (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN)


@dataclass(frozen=True, slots=True)
class Key:
    """A TSIG key; its secret is base64."""

    name: str
    algorithm: str
    secret: str = field(repr=False)


def parse_key(text: str) -> Key:
    """Read the first `key` statement of BIND's configuration. Raises DnsError, which shows nothing of the text."""
    for name, (algorithm, secret) in named_conf.keys(text).items():
        return Key(name, algorithm, secret)
    raise DnsError(
        "The TSIG key file has no complete key statement.", "Check the file /etc/bind/ipa.key on the master."
    )


async def add(server: str, zone: str, record: Record, key: Key, expected: tuple[Record, ...] = ()) -> bool:
    """Add a record; False when the identical one is there. Raises DnsError for a conflicting one, showing both.

    Records in `expected` (the host's other addresses, for instance) are no conflict.
    """
    there = await stored(server, record.name, record.type)
    if any(same(one, record) for one in there):
        return False
    refuse_conflicts(zone, there, record, expected)
    await _send(server, zone, key, there, add_one=record)
    return True


async def remove(server: str, zone: str, record: Record, key: Key) -> bool:
    """Take away exactly that record, and no other of its name; False when it is not there."""
    there = await stored(server, record.name, record.type)
    if not any(same(one, record) for one in there):
        return False
    await _send(server, zone, key, there, remove_one=record)
    return True


def refuse_conflicts(zone: str, there: tuple[Record, ...], record: Record, expected: tuple[Record, ...] = ()) -> None:
    """Raise DnsError with both values when a record that is there contradicts the new one."""
    for one in conflicts(there, record, expected):
        if absolute(one.name) != absolute(record.name):
            raise DnsError(
                f"{record.name} is an alias that leads to «{one}», so that it cannot get «{record.value}».",
                "Choose another name or address.",
            )
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


async def accepts(server: str, zone: str, key: Key) -> bool:
    """Return whether the server changes the zone for that key: it is asked by an update that changes nothing.

    Raises DnsError when it does not answer.
    """
    try:
        answer = await _exchange(server, zone, key, dns.update.UpdateMessage(zone, keyring=_ring(key)))
    except WrongKey:
        return False
    return answer.rcode() == dns.rcode.NOERROR


async def transfers(server: str, zone: str, key: Key) -> bool:
    """Return whether the server lets the zone be copied with that key: the first message of a transfer tells it.

    Raises DnsError when it does not answer.
    """
    question = dns.message.make_query(zone, "AXFR")
    question.use_tsig(_ring(key))
    try:
        answer = await _exchange(server, zone, key, question)
    except WrongKey:
        return False
    return answer.rcode() == dns.rcode.NOERROR and bool(answer.answer)


async def _send(
    server: str,
    zone: str,
    key: Key,
    there: tuple[Record, ...],
    add_one: Record | None = None,
    remove_one: Record | None = None,
) -> None:
    """Send one change on the condition that the records of that name and type are still those in `there`.

    Such a condition is about stored records only: to a name server, what a wildcard lends a name does not exist.
    """
    changed = add_one or remove_one
    if changed is None:
        raise ValueError("nothing to change")
    update = dns.update.UpdateMessage(zone, keyring=_ring(key))
    name = dns.name.from_text(changed.name)
    if there:
        update.present(name, _rdataset(there))
    else:
        update.absent(name, changed.type)
    if add_one:
        update.add(name, add_one.ttl, add_one.type, add_one.value)
    if remove_one:
        update.delete(name, remove_one.type, remove_one.value)
    answer = await _exchange(server, zone, key, update)
    _judge(server, zone, changed, answer.rcode())


def _ring(key: Key) -> dict[dns.name.Name, dns.tsig.Key]:
    algorithm = ALGORITHMS.get(key.algorithm.rstrip(".").lower())
    if algorithm is None:
        raise DnsError(
            f"The TSIG key {key.name} is for {key.algorithm}, which the portal does not support.",
            "Have the name server and the key file on the master use a key for hmac-sha256 (tsig-keygen).",
        )
    try:
        name = dns.name.from_text(key.name)
    except dns.exception.DNSException:
        raise DnsError(f"{key.name!r} is not a name of a TSIG key.", "Check the key file on the master.") from None
    try:
        return {name: dns.tsig.Key(name, key.secret, algorithm)}
    except (ValueError, dns.exception.DNSException):
        raise DnsError(f"The TSIG key {key.name} is not valid base64.", "Check the key file on the master.") from None


class WrongKey(DnsError):
    """The name server does not know the key, or not with that secret."""


async def _exchange(server: str, zone: str, key: Key, message: dns.message.Message) -> dns.message.Message:
    try:
        return await dns.asyncquery.tcp(message, server, timeout=SECONDS)
    except dns.tsig.PeerError as error:
        raise WrongKey(
            f"The name server {server} does not accept the TSIG key {key.name}: {error}.",
            "See that the key file is the one that the name server has loaded, and that both clocks are right.",
        ) from error
    except (dns.exception.DNSException, OSError) as error:
        raise DnsError(f"The update or transfer of {zone} at {server} failed: {error}.", retryable=True) from error


def _rdataset(records: tuple[Record, ...]) -> dns.rrset.RRset:
    return dns.rrset.from_text(records[0].name, 0, "IN", records[0].type, *(record.value for record in records))


def _judge(server: str, zone: str, record: Record, code: dns.rcode.Rcode) -> None:
    if code == dns.rcode.NOERROR:
        return
    if code in CHANGED:
        raise DnsError(f"{record.name} was changed by somebody else at the same time.", "Try again.", retryable=True)
    raise DnsError(
        f"The name server {server} answers {dns.rcode.to_text(code)} to adding or removing «{record}» in {zone}.",
        "See in the log of its name service why it cannot write the zone."
        if code == dns.rcode.SERVFAIL
        else "See that the zone is a primary one there and allows updates with the key.",
    )

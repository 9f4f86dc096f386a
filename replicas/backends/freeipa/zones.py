"""Host records in the realm's own zones, by its interface."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replicas.clients import dns
from replicas.clients.freeipa.errors import NotFound
from replicas.clients.freeipa.session import Session
from replicas.errors import DnsError
from replicas.lifecycle.base import Record
from replicas.lifecycle.steps.zones import NO_REVERSE, aliased, delegated

PART = {"A": "a_part_ip_address", "AAAA": "aaaa_part_ip_address", "PTR": "ptr_part_hostname"}
"""Options of `dnsrecord_add` by type."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A record, its zone without the final dot, and its name within that zone."""

    record: Record
    zone: str
    name: str

    @property
    def attribute(self) -> str:
        return f"{self.record.type.lower()}record"


async def names(session: Session) -> list[str]:
    """The realm's active zones, absolute."""
    found = await session.find("dnszone_find")
    return [dns.absolute(str(one["idnsname"][0])) for one in found if _active(one)]


async def forwarded(session: Session) -> list[str]:
    """The realm's zones that its name servers forward, absolute."""
    found = await session.find("dnsforwardzone_find")
    return [dns.absolute(str(one["idnsname"][0])) for one in found if _active(one) and _forwards(one)]


def refuse_forwarded(placed: Iterable[Placed], forwarded: Iterable[str]) -> None:
    """Raises DnsError for a record that nobody would find: its name is in a forward zone below its zone."""
    known = list(forwarded)
    for one in placed:
        below = [zone for zone in holding(one.record.name, known) if len(zone) > len(dns.absolute(one.zone))]
        if below:
            raise DnsError(
                f"{one.record.name} is in {below[0]}, which the realm's name servers forward: a record in the zone "
                f"{one.zone} would not be found.",
                "Have it added where that zone is served; leave the address, or reverse records, out of the request.",
            )


def _forwards(zone: Mapping[str, Any]) -> bool:
    return str((zone.get("idnsforwardpolicy") or ["first"])[0]).lower() != "none"


def _active(zone: Mapping[str, Any]) -> bool:
    return str((zone.get("idnszoneactive") or [True])[0]).upper() == "TRUE"


def place(record: Record, zones: Iterable[str], reverse_zone: str = "") -> Placed:
    """In the most specific of the zones, or PTR in the reverse zone that was chosen. Raises DnsError."""
    name = dns.absolute(record.name)
    possible = holding(name, zones)
    best = max(possible, key=len, default="")
    chosen = dns.absolute(reverse_zone) if reverse_zone and record.type == "PTR" else best
    if chosen not in possible:
        raise _no_zone(record, chosen)
    if chosen != best:
        raise DnsError(
            f"{name} is looked for in {best}, not in the reverse zone {chosen}.",
            f"Choose {best}, the more specific zone, or leave the choice to the portal.",
        )
    return Placed(record, best.rstrip("."), name.removesuffix(best).rstrip(".") or "@")


def holding(name: str, zones: Iterable[str]) -> list[str]:
    """The zones that an absolute name is in."""
    return [zone for zone in zones if name == zone or name.endswith(f".{zone}")]


def _no_zone(record: Record, chosen: str) -> DnsError:
    if record.type != "PTR":
        return DnsError(
            f"The realm has no zone for {record.name.rstrip('.')}; nothing was changed.", "Add it (ipa dnszone-add)."
        )
    return DnsError(
        f"The realm has no reverse zone {chosen or 'for'} {'that holds ' if chosen else ''}{record.name}; "
        "nothing was changed.",
        'Add it (ipa dnszone-add), choose another one, or select "No reverse zone".',
    )


async def entry(session: Session, zone: str, name: str) -> Mapping[str, Any]:
    """Return the records that are stored under a name, by attribute. Raises FreeIpaError."""
    try:
        return dict((await session.call("dnsrecord_show", zone, name, all=True)).value)
    except NotFound:
        return {}


async def values(session: Session, one: Placed) -> list[str]:
    """Of all records of its name and type. Raises FreeIpaError."""
    return _values(await entry(session, one.zone, one.name), one)


def _values(shown: Mapping[str, Any], one: Placed) -> list[str]:
    return [str(value) for value in shown.get(one.attribute, ())]


async def follow(session: Session, one: Placed, known: Collection[str]) -> tuple[Placed, Mapping[str, Any]]:
    """Return where a record belongs, and what is stored there: a PTR record is at the end of its name's aliases.

    Raises DnsError for an alias that leads out of the realm's zones (RFC 2317), or back to itself; FreeIpaError.
    """
    shown, names = await entry(session, one.zone, one.name), [dns.absolute(one.record.name)]
    while one.record.type == "PTR" and (target := _target(shown, one.zone)):
        if target in names:
            raise DnsError(
                f"{names[0]} is an alias that leads back to itself: {' -> '.join([*names, target])}.",
                f"Correct the alias. {NO_REVERSE}",
            )
        names.append(target)
        if not holding(target, known):
            raise DnsError(
                f"{names[0]} is an alias for {target} (RFC 2317), which is in none of the realm's zones.", NO_REVERSE
            )
        one = place(Record(target, one.record.type, one.record.value, one.record.ttl), known)
        shown = await entry(session, one.zone, one.name)
    return one, shown


def _target(shown: Mapping[str, Any], zone: str) -> str:
    """Return where the alias of an entry leads, or nothing; it may be written relative to its zone."""
    written = next(iter(shown.get("cnamerecord", ())), "")
    return dns.normalise(Record(zone, "CNAME", str(written)), zone).value if written else ""


Above = list[tuple[str, Mapping[str, Any]]]
"""The names between a record's and its zone, the nearest first, with what is stored there."""


def refuse_alias(one: Placed, shown: Mapping[str, Any], above: Above) -> None:
    """Raises DnsError for a name that is an alias by a stored record, its own or one above it."""
    name = dns.absolute(one.record.name)
    if target := _target(shown, one.zone):
        raise aliased(name, Record(name, "CNAME", target), target)
    for owner, entry_above in above:
        if written := next(iter(entry_above.get("dnamerecord", ())), ""):
            record = dns.normalise(Record(owner, "DNAME", str(written)), one.zone)
            target = f"{name.removesuffix(owner)}{record.value}"
            if one.record.type == "PTR":
                raise DnsError(f'{name} is an alias for {target} ("{record}").', NO_REVERSE)
            raise aliased(name, record, target)


def refuse_delegated(one: Placed, shown: Mapping[str, Any], above: Above) -> None:
    """Raises DnsError for a name that its zone delegates to others: a record there is not found."""
    if one.name == "@":
        return
    for owner, found in [(dns.absolute(one.record.name), shown), *above]:
        if servers := [str(value) for value in found.get("nsrecord", ())]:
            names = (dns.normalise(Record(owner, "NS", value), one.zone).value for value in servers)
            raise delegated(one.record, dns.Delegation(owner, tuple(sorted(names))))


async def above(session: Session, one: Placed) -> Above:
    """Return what is stored between the record's name and its zone. Raises FreeIpaError."""
    labels = one.name.split(".")
    names = [".".join(labels[start:]) for start in range(1, len(labels))]
    return [(dns.absolute(f"{at}.{one.zone}"), await entry(session, one.zone, at)) for at in names]


async def there(session: Session, one: Placed, known: Collection[str]) -> bool:
    """Whether the record is stored. Raises FreeIpaError, DnsError for what is no record."""
    return has(*await follow(session, one, known))


def has(one: Placed, shown: Mapping[str, Any]) -> bool:
    """Return whether the record is among those stored under its name. Raises DnsError for what is no record."""
    found = (Record(one.record.name, one.record.type, value) for value in _values(shown, one))
    return any(dns.same(dns.normalise(record, one.zone), one.record) for record in found)


async def refuse_others(
    session: Session, placed: Iterable[Placed], wanted: Iterable[Record], known: Collection[str]
) -> list[Placed]:
    """Return where each record goes.

    Raises DnsError when the name has an address that is not wanted, the address another name, or a name is an alias or
    delegated.
    """
    asked, found = [dns.normalise(record) for record in wanted], list[Placed]()
    for original in placed:
        one, shown = await follow(session, original, known)
        higher = await above(session, one)
        refuse_alias(one, shown, higher)
        refuse_delegated(one, shown, higher)
        for value in _values(shown, one):
            record = dns.normalise(Record(one.record.name, one.record.type, value), one.zone)
            if not any(dns.answers(record, other) for other in asked if other.type == record.type):
                raise DnsError(
                    f"The zone {one.zone} has another {record.type} record: {record.name} {value}.",
                    f'Remove the record "{record}" if it is out of date, or correct the request.',
                )
        found.append(one)
    return found


async def add(session: Session, one: Placed) -> bool:
    """False when it was there already. Raises FreeIpaError."""
    value = one.record.value
    return (await session.call("dnsrecord_add", one.zone, one.name, **{PART[one.record.type]: value})).changed


async def remove(session: Session, one: Placed) -> bool:
    """Exactly this record; False when it was not there."""
    if not has(one, await entry(session, one.zone, one.name)):
        return False
    await session.call("dnsrecord_del", one.zone, one.name, **{one.attribute: [one.record.value]})
    return True

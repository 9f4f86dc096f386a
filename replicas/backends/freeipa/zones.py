"""Host records in the realm's own zones, by its interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replicas.clients import dns
from replicas.clients.freeipa.errors import NotFound
from replicas.clients.freeipa.session import Session
from replicas.errors import DnsError
from replicas.lifecycle.base import Record

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
        return DnsError(f"The realm has no zone for {record.name}; nothing was changed.", "Add it (ipa dnszone-add).")
    return DnsError(
        f"The realm has no reverse zone {chosen or 'for'} {'that holds ' if chosen else ''}{record.name}; "
        "nothing was changed.",
        "Add it (ipa dnszone-add), choose another one, or ask for the replica without reverse records.",
    )


async def values(session: Session, one: Placed) -> list[str]:
    """Of all records of its name and type. Raises FreeIpaError."""
    try:
        shown = (await session.call("dnsrecord_show", one.zone, one.name, all=True)).value
    except NotFound:
        return []
    return [str(value) for value in shown.get(one.attribute, ())]


async def there(session: Session, one: Placed) -> bool:
    """Whether the record is there. Raises FreeIpaError, DnsError for what is no record."""
    found = [Record(one.record.name, one.record.type, value) for value in await values(session, one)]
    return any(dns.same(dns.normalise(record), one.record) for record in found)


async def refuse_others(session: Session, placed: Iterable[Placed], wanted: Iterable[Record]) -> None:
    """Raises DnsError when the name has an address that is not wanted, or the address another name."""
    asked = [dns.normalise(record) for record in wanted]
    for one in placed:
        for value in await values(session, one):
            record = Record(one.record.name, one.record.type, value)
            if not any(dns.same(record, other) for other in asked):
                raise DnsError(
                    f"The zone {one.zone} has another {record.type} record: {record.name} {value}.",
                    "Remove it if it is an old one, or correct the request.",
                )


async def add(session: Session, one: Placed) -> bool:
    """False when it was there already. Raises FreeIpaError."""
    value = one.record.value
    return (await session.call("dnsrecord_add", one.zone, one.name, **{PART[one.record.type]: value})).changed


async def remove(session: Session, one: Placed) -> bool:
    """Exactly this record; False when it was not there."""
    if not await there(session, one):
        return False
    await session.call("dnsrecord_del", one.zone, one.name, **{one.attribute: [one.record.value]})
    return True

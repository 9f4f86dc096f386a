"""What in the realm's zones leads to a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from replicas.backends.freeipa import records
from replicas.clients import dns
from replicas.clients.freeipa.session import Session
from replicas.lifecycle.base import Record

ATTRIBUTES = {f"{kind.lower()}record": kind for kind in ("SRV", "URI", "NS", "CNAME", "DNAME", "MX", "PTR")}
"""The types whose value ends in the name of a host, by the attribute that has them."""
PRIMARY = "idnssoamname"


@dataclass(frozen=True, slots=True)
class Lead:
    """A record that names the server, and where the realm has it: its zone, its name within that, its value as written.

    `primary` is what a zone says of itself: the name server in its SOA record (MNAME).
    """

    record: Record
    zone: str
    at: str
    written: str
    primary: bool = False

    def __str__(self) -> str:
        return f"«{self.record}» in the zone {self.zone}"

    @property
    def attribute(self) -> str:
        return f"{self.record.type.lower()}record"


async def find(session: Session, host: str) -> list[Lead]:
    """All of them, in every zone, whoever made them. Raises FreeIpaError, and DnsError for what is no record."""
    found: list[Lead] = []
    for one in await session.find("dnszone_find"):
        zone = dns.absolute(str(one["idnsname"][0]))
        if str((one.get(PRIMARY) or [""])[0]).rstrip(".").lower() == host:
            found.append(Lead(Record(zone, "SOA", f"{host}."), zone, "@", f"{host}.", primary=True))
        # By the first label, as names may have been written relative to their zone.
        for entry in await session.find("dnsrecord_find", zone, host.partition(".")[0], all=True):
            found += _of(entry, zone, host)
    return found


def _of(entry: Mapping[str, Any], zone: str, host: str) -> Iterator[Lead]:
    at = str(entry["idnsname"][0])
    for attribute, kind in ATTRIBUTES.items():
        for value in entry.get(attribute, ()):
            record = dns.normalise(Record(zone if at == "@" else f"{at}.{zone}", kind, str(value)), zone)
            if records.names(record, host):
                yield Lead(record, zone, at, str(value))


def kept(leads: Iterable[Lead], wanted: Iterable[Record]) -> list[Lead]:
    """Those that the realm looks after itself: its name servers, and the records by which its services are found.

    `wanted` are the records of its other servers: what has a name that none of theirs has was made by somebody.
    """
    own = {(record.name, record.type) for record in wanted}
    return [one for one in leads if one.primary or one.record.type == "NS" or (one.record.name, one.record.type) in own]


async def remove(session: Session, lead: Lead, instead: str) -> str:
    """What was done with it: the other server takes its place as the primary one of a zone. Raises FreeIpaError."""
    if lead.primary:
        await session.call("dnszone_mod", lead.zone, idnssoamname=f"{instead}.", force=True)
        return f"{instead} is the primary name server of {lead.zone} now"
    await session.call("dnsrecord_del", lead.zone, lead.at, **{lead.attribute: [lead.written]})
    return f"Removed {lead}"

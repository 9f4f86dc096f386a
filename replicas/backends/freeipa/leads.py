"""What in the realm's zones leads to a server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from replicas.backends.freeipa import records
from replicas.clients import dns
from replicas.clients.freeipa.session import Session
from replicas.errors import DnsError
from replicas.lifecycle.base import Record

ATTRIBUTES = {f"{kind.lower()}record": kind for kind in ("SRV", "URI", "NS", "CNAME", "DNAME", "MX", "PTR")}
"""The types whose value ends in the name of a host, by the attribute that has them."""
PRIMARY = "idnssoamname"
SERVICE = re.compile(
    r"_(ldap|kerberos|kerberos-master|kpasswd|ntp)(\._(tcp|udp))?"
    r"(\.default-first-site-name\._sites)?(\.dc\._msdcs)?(\.[^.]+\._locations)?"
)
"""Whatever release wrote them: those of another one than the master's may be left as well."""


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
    """All of them, in every zone, whoever made them. Raises FreeIpaError."""
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
        for value in map(str, entry.get(attribute, ())):
            with contextlib.suppress(DnsError):  # what is no record is not served either
                record = dns.normalise(Record(_absolute(at, zone), kind, value), zone)
                if records.names(record, host):
                    yield Lead(record, zone, at, value)


def _absolute(at: str, zone: str) -> str:
    return zone if at == "@" else f"{at}.{zone.lstrip('.')}"


def kept(leads: Iterable[Lead], domain: str) -> list[Lead]:
    """Those that the realm looks after itself: name servers of its zones, and the records of services of its domain.

    What is left was made by somebody: an alias, a delegation.
    """
    return [one for one in leads if one.primary or _name_server(one) or _service(one.record, f".{domain}.")]


def _name_server(lead: Lead) -> bool:
    return lead.record.type == "NS" and lead.at == "@"


def _service(record: Record, under: str) -> bool:
    """In the domain itself, for one of its locations, or for trusts."""
    if record.type not in ("SRV", "URI") or not record.name.endswith(under):
        return False
    name = record.name.removesuffix(under)
    return SERVICE.fullmatch(name) is not None


async def remove(session: Session, lead: Lead, instead: str) -> str:
    """What was done with it: the other server takes its place as the primary one of a zone. Raises FreeIpaError."""
    if lead.primary:
        await session.call("dnszone_mod", lead.zone, idnssoamname=f"{instead}.", force=True)
        return f"{instead} is the primary name server of {lead.zone} now"
    await session.call("dnsrecord_del", lead.zone, lead.at, **{lead.attribute: [lead.written]})
    return f"Removed {lead}"

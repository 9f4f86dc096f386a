"""NS records of the realm's zones: every announced name server is one of each zone."""

from __future__ import annotations

from replicas.backends.freeipa import realm, zones
from replicas.clients import dns
from replicas.clients.freeipa.session import Session
from replicas.lifecycle.base import Context, Record
from replicas.lifecycle.steps.name_server_records import name_server_records

APEX = "@"


async def expected(session: Session, host: str) -> tuple[Record, ...]:
    """Return those that should name the host; none for a server that is not an announced name server."""
    announced = (await realm.role_holders(session))["DNS"]
    return name_server_records(host, await zones.names(session)) if host in announced else ()


async def add(ctx: Context, session: Session, host: str) -> None:
    """Add what is missing, as «ipa dnsrecord-add ZONE @ --ns-rec HOST.» does. Raises FreeIpaError."""
    for record in await expected(session, host):
        zone = record.name.rstrip(".")
        shown = (await session.call("dnsrecord_show", zone, APEX, all=True)).value
        if any(
            dns.same(Record(record.name, "NS", _absolute(str(value), zone)), record)
            for value in shown.get("nsrecord", ())
        ):
            continue
        await session.call("dnsrecord_add", zone, APEX, ns_part_hostname=record.value)
        ctx.log(f"Added {record}")


def _absolute(value: str, zone: str) -> str:
    """Return a name as BIND reads it in that zone."""
    return value if value.endswith(".") else f"{value}.{zone}."

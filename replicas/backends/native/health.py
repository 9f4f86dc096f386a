"""How a realm is: its servers, their agreements with the lag of each, and certificates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from replicas.backends.native.access import directory, directory_at
from replicas.backends.native.names import Names
from replicas.backends.native.steps import zone_name_servers
from replicas.backends.native.topology import Server, address_of, masters
from replicas.clients import replication
from replicas.clients.replication import Copy
from replicas.errors import PortalError
from replicas.lifecycle import certificates
from replicas.lifecycle.agreements import direction
from replicas.lifecycle.base import CertificateHealth, Context, Health, Record, ServerHealth
from replicas.lifecycle.steps.name_server_records import name_server_records
from replicas.together import together

ROLES = ("CA", "DNS")
SUFFIX = ""
"""There is one, which needs no name."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one server says of itself: its copy of the suffix, which has its agreements, and its certificates."""

    server: Server
    copy: Copy | None = None
    certificates: tuple[CertificateHealth, ...] = ()
    problem: str = ""
    address: str = ""


async def look(ctx: Context) -> Health:
    names = Names(ctx.job)
    async with directory(ctx, "master") as bound:
        known = await masters(bound, names)
    seen = {one.server.name: one for one in await together(*(_ask(ctx, names, server) for server in known.values()))}
    copies = {name: {} if one.copy is None else {SUFFIX: one.copy} for name, one in seen.items()}
    return Health(
        servers=tuple(ServerHealth(one.server.name, _roles(one.server), one.problem) for one in seen.values()),
        agreements=tuple(
            direction(one.server.name, consumer, copies, [SUFFIX], _silent(consumer, seen))
            for one in seen.values()
            if one.copy is not None
            for consumer in one.copy.agreements
        ),
        certificates=(
            certificates.authority(ctx.job.realm),
            *(certificate for one in seen.values() for certificate in one.certificates),
        ),
        records=await _name_servers(ctx, seen.values()),
    )


async def _name_servers(ctx: Context, seen: Iterable[Seen]) -> tuple[tuple[str, Record], ...]:
    """The NS records of each server with the role that answers, in the zones that it serves."""
    serving = [one for one in seen if one.server.has("DNS") and one.address] if ctx.job.realm.dns else []
    found = await together(*(_named(ctx, one) for one in serving))
    return tuple((one.server.name, record) for one, own in zip(serving, found, strict=True) for record in own)


async def _named(ctx: Context, one: Seen) -> tuple[Record, ...]:
    """In the realm's own zone alone, when the master cannot be asked for its zones."""
    try:
        return await zone_name_servers.expected(ctx, one.server.name, one.address)
    except PortalError:
        return name_server_records(one.server.name, [ctx.job.realm.domain])


async def _ask(ctx: Context, names: Names, server: Server) -> Seen:
    presented: tuple[CertificateHealth, ...] = ()
    address = ""
    try:
        address = (
            ctx.job.master.address if server.name == ctx.job.master.hostname else await address_of(ctx, server.name)
        )
        presented = await certificates.of_server(server.name, address)
        async with directory_at(ctx, server.name, address) as bound:
            copy = await replication.read(bound, names.suffix)
    except PortalError as error:
        return Seen(server, certificates=presented, problem=str(error), address=address)
    return Seen(server, copy, presented, address=address)


def _silent(consumer: str, seen: Mapping[str, Seen]) -> str:
    answers = consumer in seen and not seen[consumer].problem
    return "" if answers else f"{consumer} does not answer."


def _roles(server: Server) -> tuple[str, ...]:
    return tuple(role for role in ROLES if server.has(role))

"""How a realm is: its servers, their agreements with the lag of each, and certificates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from replicas.backends.native.access import directory, directory_at
from replicas.backends.native.names import Names
from replicas.backends.native.topology import Server, address_of, masters
from replicas.clients import vectors
from replicas.clients.ldap import Directory
from replicas.clients.vectors import Changes
from replicas.errors import PortalError
from replicas.lifecycle import certificates
from replicas.lifecycle.base import AgreementHealth, CertificateHealth, Context, Health, ServerHealth
from replicas.together import together

STATUS = ("nsDS5ReplicaHost", "nsds5replicaLastUpdateStatus")
FINE = re.compile(r"^(?:Error \(0\)|0 )")
ROLES = ("CA", "DNS")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one server says of itself; `vector` has the changes of each supplier, by its id."""

    server: Server
    vector: Mapping[int, Changes] = field(default_factory=dict)
    sends_to: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[CertificateHealth, ...] = ()
    problem: str = ""


async def look(ctx: Context) -> Health:
    names = Names(ctx.job)
    async with directory(ctx, "master") as bound:
        known = await masters(bound, names)
    seen = {one.server.name: one for one in await together(*(_ask(ctx, names, server) for server in known.values()))}
    return Health(
        servers=tuple(ServerHealth(one.server.name, _roles(one.server), one.problem) for one in seen.values()),
        agreements=tuple(
            _agreement(one, host, status, seen) for one in seen.values() for host, status in one.sends_to.items()
        ),
        certificates=(
            certificates.authority(ctx.job.realm),
            *(certificate for one in seen.values() for certificate in one.certificates),
        ),
    )


async def _ask(ctx: Context, names: Names, server: Server) -> Seen:
    presented: tuple[CertificateHealth, ...] = ()
    try:
        address = (
            ctx.job.master.address if server.name == ctx.job.master.hostname else await address_of(ctx, server.name)
        )
        presented = await certificates.of_server(server.name, address)
        async with directory_at(ctx, server.name, address) as bound:
            vector, sends_to = await _vector(bound, names), await _agreements(bound, names)
    except PortalError as error:
        return Seen(server, certificates=presented, problem=str(error))
    return Seen(server, vector, sends_to, presented)


async def _vector(bound: Directory, names: Names) -> dict[int, Changes]:
    found = await bound.search(names.suffix, vectors.VECTOR, [vectors.ATTRIBUTE])
    return vectors.changes(value for _, entry in found for value in entry.get(vectors.ATTRIBUTE, []))


async def _agreements(bound: Directory, names: Names) -> dict[str, str]:
    """The status of the last update, by the host that it was sent to."""
    found = await bound.search(names.mapping_tree, "(objectClass=nsds5ReplicationAgreement)", STATUS)
    return {"".join(entry.get(STATUS[0], [])).lower(): "".join(entry.get(STATUS[1], [])) for _, entry in found}


def _agreement(supplier: Seen, host: str, status: str, seen: Mapping[str, Seen]) -> AgreementHealth:
    consumer = seen.get(host)
    answers = consumer is not None and not consumer.problem
    lag = vectors.behind(supplier.vector, consumer.vector) if consumer is not None and answers else None
    problem = "" if not status or FINE.match(status) else status
    return AgreementHealth(supplier.server.name, host, lag, problem or ("" if answers else f"{host} does not answer."))


def _roles(server: Server) -> tuple[str, ...]:
    return tuple(role for role in ROLES if server.has(role))

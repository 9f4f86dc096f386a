"""How a realm is: its servers, their agreements with the lag of each, certificates, and bundles that lie around."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from replicas.backends.native.access import directory, directory_at
from replicas.backends.native.names import Names
from replicas.backends.native.topology import Server, address_of, masters
from replicas.clients import vectors
from replicas.clients.ldap import Directory
from replicas.clients.vectors import Changes
from replicas.errors import PortalError
from replicas.lifecycle.base import AgreementHealth, CertificateHealth, Context, Health, ServerHealth
from replicas.lifecycle.steps.host_advice import PROBE_SECONDS, days_left
from replicas.together import together

STATUS = ("nsDS5ReplicaHost", "nsds5replicaLastUpdateStatus")
FINE = re.compile(r"^(?:Error \(0\)|0 )")
BUNDLES = "/var/lib/ipa/replica-info-*.gpg"
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
    authority = CertificateHealth(f"Authority of {ctx.job.realm.name}", days_left(ctx.job.realm.ca_certificate))
    return Health(
        servers=tuple(ServerHealth(one.server.name, _roles(one.server), one.problem) for one in seen.values()),
        agreements=tuple(
            _agreement(one, host, status, seen) for one in seen.values() for host, status in one.sends_to.items()
        ),
        certificates=(authority, *(certificate for one in seen.values() for certificate in one.certificates)),
        bundles=await _bundles(ctx),
    )


async def _ask(ctx: Context, names: Names, server: Server) -> Seen:
    try:
        address = (
            ctx.job.master.address if server.name == ctx.job.master.hostname else await address_of(ctx, server.name)
        )
        async with directory_at(ctx, server.name, address) as bound:
            vector, sends_to = await _vector(bound, names), await _agreements(bound, names)
        certificates = await together(*(_certificate(server.name, address, port) for port in (636, 443)))
    except PortalError as error:
        return Seen(server, problem=str(error))
    return Seen(server, vector, sends_to, tuple(one for one in certificates if one is not None))


async def _vector(bound: Directory, names: Names) -> dict[int, Changes]:
    found = await bound.search(names.suffix, vectors.VECTOR, [vectors.ATTRIBUTE])
    return vectors.changes(value for _, entry in found for value in entry.get(vectors.ATTRIBUTE, []))


async def _agreements(bound: Directory, names: Names) -> dict[str, str]:
    """The status of the last update, by the host that it was sent to."""
    found = await bound.search(names.mapping_tree, "(objectClass=nsds5ReplicationAgreement)", STATUS)
    return {"".join(entry.get(STATUS[0], [])).lower(): "".join(entry.get(STATUS[1], [])) for _, entry in found}


async def _certificate(host: str, address: str, port: int) -> CertificateHealth | None:
    """Of a server that answers there; who it is was checked when the directory was asked."""
    try:
        pem = await asyncio.to_thread(ssl.get_server_certificate, (address, port), timeout=PROBE_SECONDS)
    except OSError:
        return None
    return CertificateHealth(f"{host}, port {port}", days_left(pem))


def _agreement(supplier: Seen, host: str, status: str, seen: Mapping[str, Seen]) -> AgreementHealth:
    consumer = seen.get(host)
    answers = consumer is not None and not consumer.problem
    lag = vectors.behind(supplier.vector, consumer.vector) if consumer is not None and answers else None
    problem = "" if not status or FINE.match(status) else status
    return AgreementHealth(supplier.server.name, host, lag, problem or ("" if answers else f"{host} does not answer."))


def _roles(server: Server) -> tuple[str, ...]:
    return tuple(role for role in ROLES if server.has(role))


async def _bundles(ctx: Context) -> tuple[str, ...]:
    master = await ctx.host("master")
    listed = await master.run("sh", "-c", f"ls -1 {BUNDLES} 2>/dev/null", check=False)
    return tuple(f"{master.name}: {line}" for line in listed.text.splitlines())

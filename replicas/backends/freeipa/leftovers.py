"""What the realm still knows of an earlier server of the replica's name."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from replicas.backends.freeipa import realm, zones
from replicas.backends.freeipa.access import ADMIN
from replicas.backends.freeipa.replication import IPACA, towards
from replicas.clients.freeipa.errors import NotFound
from replicas.clients.freeipa.session import Session
from replicas.clients.ldap import Directory
from replicas.errors import DirectoryError, StepError, WrongPassword
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Endpoint
from replicas.lifecycle.rejections import noting
from replicas.lifecycle.steps import host_checks, in_service, update_vectors


async def host(session: Session, name: str) -> dict[str, Any] | None:
    """The host's entry, if there is one."""
    try:
        return dict((await session.call("host_show", name, all=True)).value)
    except NotFound:
        return None


async def server(session: Session, name: str) -> realm.Server | None:
    """The server's entry, if there is one."""
    try:
        return realm.server((await session.call("server_show", name, all=True)).value)
    except NotFound:
        return None


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What the realm knows of a server: entry, segments (suffix, name), whether its host is enrolled, its replica ids,
    and the agreements that the master has with it.
    """

    server: bool
    segments: tuple[tuple[str, str], ...]
    enrolled: bool
    ids: tuple[int, ...] = ()
    agreements: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.server or self.segments or self.enrolled or self.ids or self.agreements)

    def described(self, name: str) -> str:
        parts = [f"the server entry {name}"] if self.server else []
        parts += [f"the {suffix} segment {segment}" for suffix, segment in self.segments]
        parts += [f"the enrolled host {name}"] if self.enrolled else []
        if self.ids:
            parts.append(f"the update vector's replica id {', '.join(map(str, self.ids))}")
        parts += [f"the agreement {dn}" for dn in self.agreements]
        return ", ".join(parts)

    def commands(self, name: str) -> str:
        """What removes them by hand, in the order in which that works."""
        parts = [f"ipa server-del {name}"] if self.server else []
        parts += [f"ipa topologysegment-del {suffix} {segment}" for suffix, segment in self.segments]
        parts += [f"ipa host-del {name}"] if self.enrolled else []
        parts += [f"ldapdelete -Y GSSAPI '{dn}'" for dn in self.agreements]
        parts += [f"ipa-replica-manage clean-ruv {one}" for one in self.ids]
        return "; ".join(parts)


async def entries(session: Session, name: str) -> Leftovers:
    """Those that the realm's interface shows; not the ids."""
    there = await server(session, name) is not None
    joined = await segments(session, name)
    known = await host(session, name)
    return Leftovers(there, joined, bool(known and known.get("has_keytab")))


async def segments(session: Session, name: str) -> tuple[tuple[str, str], ...]:
    """Suffix and name of each segment that joins that server with another one."""
    found = await realm.segments(session, await realm.suffixes(session))
    return tuple((one.suffix, one.name) for one in found if one.joins(name))


async def refuse(session: Session, name: str) -> None:
    """Raises StepError naming every entry of an earlier server of that name, and how they go."""
    _refuse(await entries(session, name), name, session.server)


def _refuse(found: Leftovers, name: str, master: str) -> None:
    if found:
        raise StepError(
            f"{name} already exists on {master}: {found.described(name)}.",
            f"{name} may be a server that is in service: then choose another host name. A replica that is in the "
            "portal's list is removed there. Only for a server that no longer exists: give a reason in “remove what is "
            f"left of an earlier replica”, or enter: {found.commands(name)}.",
        )


async def refuse_vectors(ctx: Context) -> str:
    """What was found. Raises StepError for replica ids of that name, and for agreements with it, on the master."""
    name, master = ctx.job.replica.hostname, ctx.job.master.hostname
    try:
        async with directory(ctx, ctx.job.master) as bound:
            known = await update_vectors.suppliers(bound, ctx.job.realm.suffix)
            found = await replicated(ctx, bound)
    except (DirectoryError, WrongPassword) as error:
        return f"The update vector of {master} was not read: {error.message}"
    _refuse(found, name, master)
    if not known:
        return f"{master} has no update vector yet, as a realm's only server, or {ADMIN} may not read it"
    return f"No update vector of {master} has an id of {name}, and it has no agreement with it"


async def replicated(ctx: Context, bound: Directory) -> Leftovers:
    """Ids and agreements of the replica on that server, of the realm's suffix and of its authority's."""
    name, found = ctx.job.replica.hostname, set[int]()
    for suffix in (ctx.job.realm.suffix, IPACA):
        found |= await update_vectors.ids(ctx, [bound], suffix=suffix)
    return Leftovers(False, (), False, tuple(sorted(found)), tuple(await towards(bound, name)))


async def refuse_lost_records(ctx: Context, session: Session) -> None:
    """A server takes its address records along. Raises StepError when nobody would add new ones."""
    job, zone = ctx.job, f"{ctx.job.replica.hostname}."
    if not job.realm.dns or job.options.ip_addresses:
        return
    if any(zone.endswith(f".{known}") for known in await zones.names(session)):
        raise StepError(
            f"The address records of {job.replica.hostname} go with the server entry that is left of it.",
            "Give the replica's IP addresses in the request, so that its records are added after that.",
        )


async def refuse_alive(ctx: Context) -> None:
    """What answers is no leftover. Raises StepError for a server of that name that is not the new host."""
    name = ctx.job.replica.hostname
    here = await host_checks.host_facts(ctx, "replica")
    own = {str(ip_address(one["address"])) for one in here["addresses"]}
    if answer := await in_service.answering(ctx, in_service.SERVER, own):
        raise StepError(
            f"{name} is in service: {answer}.",
            "Give the new replica another name. If that server is not needed any more, remove it from the realm "
            "first, and switch its host off.",
        )


@contextlib.asynccontextmanager
async def directory(ctx: Context, server: Endpoint) -> AsyncIterator[Directory]:
    """A host's directory over LDAPS, as admin. Raises WrongPassword, DirectoryError."""
    async with directory_at(ctx, server.hostname, server.address) as bound:
        yield bound


@contextlib.asynccontextmanager
async def directory_at(ctx: Context, hostname: str, address: str) -> AsyncIterator[Directory]:
    """The same of any server of the realm."""
    realm = ctx.job.realm
    user = f"uid={ADMIN},cn=users,cn=accounts,{realm.suffix}"
    connection = Directory.bind(hostname, address, realm.ca_certificate, user, ctx.secret("admin"))
    async with contextlib.AsyncExitStack() as stack:
        with noting(ctx, "admin"):
            bound = await stack.enter_async_context(connection)
        bound.guard = ctx.check
        yield bound

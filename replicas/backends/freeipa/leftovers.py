"""What the realm still knows of an earlier server of the replica's name."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from replicas.backends.freeipa import realm
from replicas.backends.freeipa.access import ADMIN
from replicas.clients import vectors
from replicas.clients.freeipa.errors import NotFound
from replicas.clients.freeipa.session import Session
from replicas.clients.ldap import Directory
from replicas.errors import DirectoryError, StepError, WrongPassword
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Endpoint


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


async def refuse(session: Session, name: str) -> None:
    """Raises StepError naming every entry of an earlier server of that name, and how each is removed."""
    found: list[tuple[str, str]] = []
    if await server(session, name):
        found.append((f"the server entry {name}", f"ipa server-del {name}"))
    for one in await realm.segments(session, await realm.suffixes(session)):
        if one.joins(name):
            found.append((f"the {one.suffix} segment {one.name}", f"ipa topologysegment-del {one.suffix} {one.name}"))
    entry = await host(session, name)
    if entry and entry.get("has_keytab"):
        found.append((f"the enrolled host {name}", f"ipa host-del {name} --updatedns"))
    if found:
        raise StepError(
            f"{name} already exists on {session.server}: {', '.join(what for what, _ in found)}.",
            "Remove that replica first, in the portal if it was made here, else with: "
            f"{'; '.join(command for _, command in found)}.",
        )


async def refuse_vectors(ctx: Context) -> str:
    """What was found. Raises StepError for a replica id of that name which is still in an update vector."""
    name = ctx.job.replica.hostname
    try:
        async with directory(ctx, ctx.job.master) as bound:
            values = await vector(ctx, bound)
    except (DirectoryError, WrongPassword) as error:
        return f"The update vector of {ctx.job.master.hostname} was not read: {error.message}"
    if not values:
        return (
            f"{ctx.job.master.hostname} has no update vector yet, as a realm's only server, or {ADMIN} may not read it"
        )
    numbers = ids(name, values)
    if numbers:
        known = ", ".join(map(str, numbers))
        raise StepError(
            f"{name} already exists on {ctx.job.master.hostname}: the update vector has its replica id {known}.",
            f"Clean it out on that server: {'; '.join(f'ipa-replica-manage clean-ruv {one}' for one in numbers)}.",
        )
    return f"No update vector of {ctx.job.master.hostname} has an id of {name}"


async def vector(ctx: Context, bound: Directory) -> list[str]:
    """The values of the update vector; none when the account may not read it, and where nothing was replicated yet."""
    found = await bound.search(ctx.job.realm.suffix, vectors.VECTOR, [vectors.ATTRIBUTE])
    return [str(value) for _, entry in found for value in entry.get(vectors.ATTRIBUTE, [])]


def ids(name: str, values: Iterable[str]) -> list[int]:
    """The replica ids that an update vector gives to that server."""
    return sorted(number for number, server in vectors.suppliers(values).items() if server == name)


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
    async with Directory.bind(hostname, address, realm.ca_certificate, user, ctx.secret("admin")) as bound:
        bound.guard = ctx.check
        yield bound

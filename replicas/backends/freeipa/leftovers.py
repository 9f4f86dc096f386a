"""What the realm still knows of an earlier server of the replica's name."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
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
from replicas.lifecycle.steps import host_checks


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
    """What the realm knows of a server: entry, segments (suffix, name), whether its host is enrolled, replica ids."""

    server: bool
    segments: tuple[tuple[str, str], ...]
    enrolled: bool
    ids: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.server or self.segments or self.enrolled or self.ids)

    def described(self, name: str) -> str:
        parts = [f"the server entry {name}"] if self.server else []
        parts += [f"the {suffix} segment {segment}" for suffix, segment in self.segments]
        parts += [f"the enrolled host {name}"] if self.enrolled else []
        if self.ids:
            parts.append(f"the update vector's replica id {', '.join(map(str, self.ids))}")
        return ", ".join(parts)

    def commands(self, name: str) -> str:
        """What removes them by hand, in the order in which that works."""
        parts = [f"ipa server-del {name}"] if self.server else []
        parts += [f"ipa topologysegment-del {suffix} {segment}" for suffix, segment in self.segments]
        parts += [f"ipa host-del {name} --updatedns"] if self.enrolled else []
        parts += [f"ipa-replica-manage clean-ruv {one}" for one in self.ids]
        return "; ".join(parts)


async def entries(session: Session, name: str) -> Leftovers:
    """Those that the realm's interface shows; not the ids."""
    there = await server(session, name) is not None
    segments = await realm.segments(session, await realm.suffixes(session))
    known = await host(session, name)
    return Leftovers(
        there,
        tuple((one.suffix, one.name) for one in segments if one.joins(name)),
        bool(known and known.get("has_keytab")),
    )


async def refuse(session: Session, name: str) -> None:
    """Raises StepError naming every entry of an earlier server of that name, and how they go."""
    _refuse(await entries(session, name), name, session.server)


def _refuse(found: Leftovers, name: str, master: str) -> None:
    if found:
        raise StepError(
            f"{name} already exists on {master}: {found.described(name)}.",
            "Remove that replica first, if it was made here. Else ask for the new one with a reason in «remove what is "
            f"left of an earlier replica», or enter: {found.commands(name)}.",
        )


async def refuse_vectors(ctx: Context) -> str:
    """What was found. Raises StepError for a replica id of that name which is still in an update vector."""
    name, master = ctx.job.replica.hostname, ctx.job.master.hostname
    try:
        numbers = await left_ids(ctx)
    except (DirectoryError, WrongPassword) as error:
        return f"The update vector of {master} was not read: {error.message}"
    if numbers is None:
        return f"{master} has no update vector yet, as a realm's only server, or {ADMIN} may not read it"
    _refuse(Leftovers(False, (), False, numbers), name, master)
    return f"No update vector of {master} has an id of {name}"


async def left_ids(ctx: Context) -> tuple[int, ...] | None:
    """The ids of that name in the master's update vector; None without one. Raises WrongPassword, DirectoryError."""
    async with directory(ctx, ctx.job.master) as bound:
        values = await vector(ctx, bound)
    return tuple(ids(ctx.job.replica.hostname, values)) if values else None


async def refuse_alive(ctx: Context) -> None:
    """What answers is no leftover. Raises StepError for a server of that name that is not the new host."""
    job, master = ctx.job, await ctx.host("master")
    here = await host_checks.host_facts(ctx, "replica")
    own = {str(ip_address(one["address"])) for one in here["addresses"]}
    shown = (await master.run("getent", "ahosts", job.replica.hostname, check=False)).text
    elsewhere = {line.split()[0] for line in shown.splitlines() if line.strip()} - own
    payload = {
        "host": job.replica.hostname,
        "addresses": sorted(elsewhere),
        "realm": job.realm.name,
        "zone": job.realm.domain,
        "ca": job.realm.ca_certificate,
        "seconds": 2.0,
        "checks": [{"port": port, "protocol": "tcp", "kind": "connect"} for port in (389, 636, 443)],
    }
    answer = await master.python("probe", payload) if elsewhere else {"results": []}
    for one in answer["results"]:
        if one["ok"]:
            raise StepError(
                f"{job.replica.hostname} is in service: {one['address']} answers on port {one['port']}.",
                "Give the new replica another name; or remove the one that is there first, and switch its host off.",
            )


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

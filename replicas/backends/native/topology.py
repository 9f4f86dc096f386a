"""The servers of the realm beside the replica: who they are, what they serve, and whom they replicate with."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from replicas.backends.native.access import directory, directory_at
from replicas.backends.native.names import ENABLED, Names
from replicas.clients import queries
from replicas.clients.ldap import Directory
from replicas.errors import DirectoryError, StepError, WrongPassword
from replicas.lifecycle.base import Context


@dataclass(frozen=True, slots=True)
class Server:
    """One of the realm's masters: its services and their states (`enabledService`)."""

    name: str
    services: Mapping[str, str]

    @property
    def serves(self) -> bool:
        return self.has("LDAP")

    def has(self, service: str) -> bool:
        return self.services.get(service) == ENABLED


async def masters(bound: Directory, names: Names) -> dict[str, Server]:
    """Every server among the realm's masters, by name."""
    found: dict[str, dict[str, str]] = {}
    for dn, entry in await bound.search(names.masters, "(objectClass=nsContainer)", ["description"]):
        parts = [part.partition("=")[2] for part in dn[: -len(names.masters) - 1].split(",") if part]
        if parts:
            services = found.setdefault(parts[-1].lower(), {})
            if len(parts) == 2:
                services[parts[0]] = "".join(entry.get("description", []))
    return {name: Server(name, services) for name, services in found.items()}


@contextlib.asynccontextmanager
async def remaining(ctx: Context, *, strict: bool = False) -> AsyncIterator[list[Directory]]:
    """The directories of every server but the replica, the job's master first.

    Raises StepError naming a server that cannot be reached; only one that does not serve yet may be left out, with a
    warning, unless `strict`, and the master that the job works without.
    """
    async with contextlib.AsyncExitStack() as stack:
        master = await stack.enter_async_context(directory(ctx, "master"))
        bound = [master]
        for server in (await masters(master, Names(ctx.job))).values():
            if server.name in (ctx.job.master.hostname, ctx.job.replica.hostname):
                continue
            try:
                bound.append(await stack.enter_async_context(_other(ctx, server.name)))
            except (DirectoryError, WrongPassword, StepError) as error:
                if server.name == ctx.job.options.instead_of:
                    ctx.log(f"{server.name}, which is worked without, was left out: {error.message}", "warning")
                    continue
                if strict or server.serves:
                    raise StepError(
                        f"{server.name} is a server of {ctx.job.realm.name} and cannot be asked: {error.message}",
                        f"See that {server.name} runs and that the portal reaches its directory, then try again. Only "
                        "if that server no longer exists: remove it first.",
                    ) from error
                ctx.log(f"{server.name}, which does not serve yet, was left out: {error.message}", "warning")
        yield bound


@contextlib.asynccontextmanager
async def _other(ctx: Context, hostname: str) -> AsyncIterator[Directory]:
    async with directory_at(ctx, hostname, await address_of(ctx, hostname)) as bound:
        yield bound


async def address_of(ctx: Context, hostname: str) -> str:
    """As the master finds it: agreements go by names. Raises StepError."""
    master = await ctx.host("master")
    found = await queries.addresses_of(master, hostname, "ahostsv4") or await queries.addresses_of(master, hostname)
    if not found:
        raise StepError(
            f"{master.name} cannot resolve {hostname}.",
            f"See that {hostname} has address records, and that {master.name} asks a name server that knows them "
            f"(getent ahosts {hostname}).",
        )
    return found[0]


async def partners(bound: Directory, names: Names) -> set[str]:
    """The servers that this one sends its changes to."""
    found = await bound.search(names.mapping_tree, "(objectClass=nsds5ReplicationAgreement)", ["nsDS5ReplicaHost"])
    return {host.lower() for _, entry in found for host in entry.get("nsDS5ReplicaHost", [])}


async def cut_off(ctx: Context, servers: Sequence[Directory]) -> None:
    """Agreements to the replica, and who it binds as: after this nobody sends it anything, nor takes anything from it.

    What it has still to send when its principals are removed must not bring them back.
    """
    names = Names(ctx.job)
    wanted = f"(&(objectClass=nsds5ReplicationAgreement)(nsDS5ReplicaHost={ctx.job.replica.hostname}))"
    for bound in servers:
        for dn, _ in await bound.search(names.mapping_tree, wanted, ["cn"]):
            await bound.delete(dn)
            ctx.log(f"Removed on {bound.hostname}: {dn}")
        await _distrust(ctx, bound, names)


async def _distrust(ctx: Context, bound: Directory, names: Names) -> None:
    found = await bound.search(names.mapping_tree, "(objectClass=nsDS5Replica)", ["nsDS5ReplicaBindDN"])
    for dn, entry in found:
        for value in entry.get("nsDS5ReplicaBindDN", []):
            if value.lower() == names.replica_manager.lower():
                await bound.modify(dn, ("delete", "nsDS5ReplicaBindDN", [value]))
    if await bound.delete(names.replica_manager):
        ctx.log(f"Removed on {bound.hostname}: {names.replica_manager}")


def cut(agreements: Mapping[str, set[str]], start: str) -> set[str]:
    """The servers that changes made on `start` cannot reach, or whose changes cannot reach it."""
    back: dict[str, set[str]] = {name: set() for name in agreements}
    for name, others in agreements.items():
        for other in others & agreements.keys():
            back[other].add(name)
    return set(agreements) - (_reach(agreements, start) & _reach(back, start))


def _reach(ways: Mapping[str, set[str]], start: str) -> set[str]:
    seen, todo = {start}, [start]
    while todo:
        new = (ways[todo.pop()] & ways.keys()) - seen
        seen |= new
        todo += new
    return seen

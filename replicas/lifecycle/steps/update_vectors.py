"""The replica update vectors of the realm's servers, and taking an id out of all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from replicas.clients import vectors
from replicas.clients.ldap import Directory, LdapRefused
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps.convergence import QUIET_SECONDS, REPLICATED_SECONDS

REFERRAL, UNWILLING = 10, 53
"""What a server answers that takes no changes now; the second also to cleaning an id that it is cleaning already."""
POLL_SECONDS = 0.1
TRAVEL_SECONDS = 5.0
"""A deletion that has not reached another server after this long is made there too."""
QUIET_LOOKS = 10
"""After this many looks in a row that found nothing, nothing is under way any more."""


async def values(bound: Directory, suffix: str) -> list[str]:
    """The elements of this server's update vector; none for who may not read it, and where nothing is replicated.

    Who may not read it below the suffix may see it where the server says how it replicates.
    """
    found = await bound.search(suffix, vectors.VECTOR, [vectors.ATTRIBUTE])
    entry = {} if found else await bound.get(vectors.configuration(suffix), [vectors.ATTRIBUTE]) or {}
    return [value for one in (*(entry for _, entry in found), entry) for value in one.get(vectors.ATTRIBUTE, [])]


async def suppliers(bound: Directory, suffix: str) -> dict[int, str]:
    """Id and server of each supplier in it."""
    return vectors.suppliers(await values(bound, suffix))


async def ids(ctx: Context, servers: Iterable[Directory], taken: object = None, suffix: str = "") -> set[int]:
    """Every id of the replica: the one that was taken for it, and what the vectors know under its name."""
    host, suffix = ctx.job.replica.hostname, suffix or ctx.job.realm.suffix
    known = [await suppliers(bound, suffix) for bound in servers]
    found = {number for one in known for number, server in one.items() if server == host}
    return found | ({taken} if isinstance(taken, int) else set())


async def clean(ctx: Context, servers: Sequence[Directory], number: int, suffix: str = "") -> None:
    """Have the first server clean an id out of all vectors (CLEANALLRUV), and return when no vector has it any more.

    One that this does not reach is asked itself. Of the realm's own suffix, unless another one is named. Raises
    StepError naming those that still have it.
    """
    suffix = suffix or ctx.job.realm.suffix
    if not await _holders(servers, suffix, number):
        ctx.log(f"No update vector has the replica id {number}")
        return
    for bound in servers:
        if bound is servers[0] or number in await suppliers(bound, suffix):
            await _start(ctx, bound, number, suffix)
            await _settled(ctx, servers if bound is servers[0] else [bound], number, suffix)
    if holders := await _holders(servers, suffix, number):
        raise StepError(
            f"After {REPLICATED_SECONDS:g} s the replica id {number} is still in the update vector of "
            f"{', '.join(holders)}.",
            f"Look at /var/log/dirsrv/slapd-{ctx.job.instance}/errors there (CleanAllRUV), then try again.",
        )
    ctx.log(f"The replica id {number} is in no update vector any more: {', '.join(one.hostname for one in servers)}")


async def kept_alive(bound: Directory, suffix: str, number: int) -> list[str]:
    """The entry that the supplier with this id writes to now and then, by a search.

    Asked for by its name, a server may answer with a referral once it is gone.
    """
    wanted = f"(&(objectClass=ldapSubEntry)(cn=repl keep alive {number}))"
    return [dn for dn, _ in await bound.search(suffix, wanted, ["cn"], "one")]


async def end_keep_alive(ctx: Context, servers: Sequence[Directory], number: int) -> None:
    """Remove that entry, wherever it turns up while changes still travel.

    On one server at a time: what two servers delete by themselves is two changes, of which the second one never gets
    into the update vector of the server that made the first.
    """
    suffix, end, quiet = ctx.job.realm.suffix, time.monotonic() + REPLICATED_SECONDS, 0
    patience = 0.0
    while quiet < QUIET_LOOKS and time.monotonic() < end:
        there = [(bound, dn) for bound in servers for dn in await kept_alive(bound, suffix, number)]
        if there and time.monotonic() >= patience:
            await _delete(ctx, *there[0])
            patience = time.monotonic() + TRAVEL_SECONDS
        quiet = 0 if there else quiet + 1
        await asyncio.sleep(POLL_SECONDS)


async def _delete(ctx: Context, bound: Directory, dn: str) -> None:
    try:
        await bound.delete(dn)
    except LdapRefused as error:
        if error.code not in (REFERRAL, UNWILLING):
            raise
    else:
        ctx.log(f"Removed on {bound.hostname}: {dn}")


async def _start(ctx: Context, bound: Directory, number: int, suffix: str) -> None:
    name = f"clean {number} {time.time_ns()}"
    attributes = {
        "objectClass": ["top", "extensibleObject"],
        "cn": name,
        "replica-id": str(number),
        "replica-base-dn": suffix,
        "replica-force-cleaning": "yes",
    }
    try:
        await bound.add(f"cn={name},cn=cleanallruv,cn=tasks,cn=config", attributes)
    except LdapRefused as error:
        if error.code != UNWILLING:
            raise
        ctx.log(f"{bound.hostname} is cleaning the replica id {number} already")
    else:
        ctx.log(f"Cleaning the replica id {number} out of the update vectors (CLEANALLRUV on {bound.hostname})")


async def _settled(ctx: Context, servers: Sequence[Directory], number: int, suffix: str) -> None:
    """Wait until none of them has the id, nor remembers an unfinished cleaning; for REPLICATED_SECONDS at most."""
    begun, told = time.monotonic(), ""
    while (waited := time.monotonic() - begun) < REPLICATED_SECONDS:
        holders = await _holders(servers, suffix, number)
        if not holders and not await _cleaning(servers, suffix):
            return
        reason = f"{', '.join(holders)} still has it" if holders else "the cleaning task has not ended"
        if waited >= QUIET_SECONDS and reason != told:
            told = reason
            ctx.log(f"Waiting until the replica id {number} is cleaned everywhere: {reason}")
        await asyncio.sleep(POLL_SECONDS)


async def _holders(servers: Iterable[Directory], suffix: str, number: int) -> list[str]:
    return [bound.hostname for bound in servers if number in await suppliers(bound, suffix)]


async def _cleaning(servers: Iterable[Directory], suffix: str) -> bool:
    found = [await bound.get(vectors.configuration(suffix), ["nsds5ReplicaCleanRUV"]) for bound in servers]
    return any(entry and entry.get("nsds5ReplicaCleanRUV") for entry in found)

"""Take the id of a removed server out of the realm's update vectors."""

from __future__ import annotations

import asyncio
import time

from replicas.backends.freeipa.checks import CLAIM
from replicas.backends.freeipa.leftovers import directory
from replicas.backends.freeipa.replication import IPACA, towards
from replicas.clients.ldap import Directory
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import update_vectors
from replicas.lifecycle.undo import finish, undone

AGREEMENTS_SECONDS, POLL_SECONDS = 20.0, 1.0


class CleanVectors(Step):
    """CLEANALLRUV, once nothing writes on the replica any more.

    The realm does it by itself when the server's entry goes, but the uninstaller writes on the replica after that, and
    whatever of it still travels brings the id back. Raises WrongPassword, DirectoryError, StepError.
    """

    key = "clean-vectors"
    title = "Cleaning the replica's id out of the update vectors"
    stage = "remove"
    undoable = False

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("directory", f"the replica id of {job.replica.hostname}, in every update vector", job.realm.name)]

    async def done(self, ctx: Context) -> bool:
        return self.key in undone(ctx)

    async def run(self, ctx: Context) -> None:
        if ctx.facts.get(CLAIM):
            await clean(ctx)
        await finish(ctx, self.key)


async def clean(ctx: Context) -> None:
    """Also of the authority's suffix, and the master's agreements with the replica, which nobody manages any more.

    Raises WrongPassword, DirectoryError, StepError.
    """
    name, numbers = ctx.job.replica.hostname, set[int]()
    async with directory(ctx, ctx.job.master) as bound:
        for dn in await _left(bound, name):
            if await bound.delete(dn):
                ctx.log(f"Removed on {bound.hostname}: {dn}")
        for suffix in (ctx.job.realm.suffix, IPACA):
            for number in sorted(await update_vectors.ids(ctx, [bound], suffix=suffix)):
                await update_vectors.clean(ctx, [bound], number, suffix)
                numbers.add(number)
    if not numbers:
        ctx.log(f"No update vector of {ctx.job.master.hostname} has an id of {name}")


async def _left(bound: Directory, name: str) -> list[str]:
    """Agreements that the topology plugin has not dropped by itself after a moment: it never knew of them."""
    end = time.monotonic() + AGREEMENTS_SECONDS
    while (left := await towards(bound, name)) and time.monotonic() < end:
        await asyncio.sleep(POLL_SECONDS)
    return left

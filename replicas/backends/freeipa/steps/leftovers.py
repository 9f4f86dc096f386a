"""Remove what the realm still knows of an earlier server of the replica's name."""

from __future__ import annotations

from replicas.backends.freeipa import leftovers, removing
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.checks import CLAIM
from replicas.backends.freeipa.steps import vectors
from replicas.clients.freeipa.errors import NotFound
from replicas.clients.freeipa.session import Session
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job


class RemoveLeftovers(Step):
    """`server_del`, the segments that stay behind, the host, and the replica ids (CLEANALLRUV).

    Only what is there; the realm's own refusals hold, as nothing is forced. Fact `replica_claimed`: from then on, what
    the realm knows of the replica comes from this run. Raises StepError, FreeIpaError, RemovalRefused, DirectoryError.
    """

    key = "remove-leftovers"
    title = "Removing what is left of an earlier replica of this name"
    stage = "prepare"
    undoable = False

    def touches(self, job: Job) -> list[Touch]:
        host = job.replica.hostname
        return [
            Touch("directory", f"server {host} with its segments and records, if it is there", job.realm.name),
            Touch("directory", f"host {host} with its principals and address records, if it is there", job.realm.name),
            Touch("directory", f"the replica ids of {host}, in every update vector", job.realm.name),
        ]

    def lasting(self, job: Job) -> list[str]:
        return [f"What {job.realm.name} knows of an earlier {job.replica.hostname} does not come back."]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(CLAIM))

    async def run(self, ctx: Context) -> None:
        name = ctx.job.replica.hostname
        ctx.log(f"Because: {ctx.job.options.leftovers_reason}")
        await leftovers.refuse_alive(ctx)
        await removing.remove_server(ctx)
        async with session(ctx) as opened:
            await self._host(ctx, opened, name)
        await vectors.clean(ctx)
        await ctx.fact(CLAIM, True)

    async def _host(self, ctx: Context, opened: Session, name: str) -> None:
        """With its records where the realm has the zone."""
        if await leftovers.host(opened, name) is None:
            ctx.log(f"{ctx.job.realm.name} has no host {name}")
            return
        try:
            await opened.call("host_del", name, updatedns=ctx.job.realm.dns)
        except NotFound:  # the zone, or the host meanwhile
            if await leftovers.host(opened, name) is not None:
                await opened.call("host_del", name)
        ctx.log(f"Removed the host {name}")

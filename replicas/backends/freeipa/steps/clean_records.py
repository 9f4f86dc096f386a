"""Bring the realm's own records in order after a server is gone."""

from __future__ import annotations

from replicas.backends.freeipa import announcing, leads, realm, records
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.checks import CLAIM
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.undo import finish, undone


class CleanRecords(Step):
    """Have the realm write its service records anew, and remove what else in its zones leads to the server.

    `server_del` writes them while the server is still among those that serve, so they lead to it as before; and an
    uninstaller that finds its server gone deletes the name that all authorities share, and does not add it again. What
    somebody made beside the realm's own records stays, and is told. Raises FreeIpaError, DnsError.
    """

    key = "clean-records"
    title = "Removing the DNS records that lead to the replica"
    stage = "remove"
    undoable = False

    def touches(self, job: Job) -> list[Touch]:
        name = job.replica.hostname
        return [
            Touch("record", f"service and NS records that lead to {name}, in every zone", job.realm.name),
            Touch("record", f"service records of the other servers of {job.realm.name}, written anew", job.realm.name),
        ]

    async def done(self, ctx: Context) -> bool:
        return self.key in undone(ctx)

    async def run(self, ctx: Context) -> None:
        if ctx.facts.get(CLAIM):
            await clean(ctx)
        await finish(ctx, self.key)


async def clean(ctx: Context) -> None:
    """Raises FreeIpaError, DnsError."""
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        await announcing.update(ctx, opened)
        found = await leads.find(opened, name)
        own = leads.kept(found, await records.every(opened))
        others = [one for one in (await realm.role_holders(opened))["DNS"] if one != name]
        for one in own:
            ctx.log(await leads.remove(opened, one, instead=[*others, ctx.job.master.hostname][0]))
    for one in found:
        if one not in own:
            ctx.log(f"{one} was made by somebody, and stays: it leads to a host that is no server any more", "warning")

"""Bring the realm's own records in order after a server is gone."""

from __future__ import annotations

from replicas.backends.freeipa import announcing, leads, realm
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.checks import CLAIM
from replicas.backends.freeipa.leads import Lead
from replicas.backends.freeipa.removing import WAS_SERVER
from replicas.backends.freeipa.steps.prove import PROOFS
from replicas.clients.freeipa.errors import FreeIpaError, NotFound
from replicas.clients.freeipa.session import Session
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.undo import finish, undone


class CleanRecords(Step):
    """Have the realm write its service records anew, and remove what else in its zones leads to the server.

    `server_del` writes them while the server is still among those that serve, so they lead to it as before; and an
    uninstaller that finds its server gone deletes the name that all authorities share, and does not add it again. What
    somebody made beside the realm's own records stays, and is told. A host that was no server yet has none of them.
    Raises FreeIpaError, DnsError.
    """

    key = "clean-records"
    title = "Removing the DNS records that lead to the replica"
    stage = "remove"
    undoable = False

    def touches(self, job: Job) -> list[Touch]:
        name, realm = job.replica.hostname, job.realm.name
        return [
            Touch("record", f"service and NS records of the realm that lead to {name}, in every zone", realm),
            Touch("record", f"the primary name server (SOA) of zones that have {name} as such: another one", realm),
            Touch("record", f"service records of the other servers of {realm}, written anew", realm),
        ]

    async def done(self, ctx: Context) -> bool:
        return self.key in undone(ctx)

    async def run(self, ctx: Context) -> None:
        # Without the claim the steps before this one left everything as it was, and a server in service.
        if ctx.facts.get(CLAIM) and was_server(ctx):
            await clean(ctx)
        else:
            ctx.log(f"No server {ctx.job.replica.hostname} was made here: no record of the realm's own leads to one")
        await finish(ctx, self.key)


def was_server(ctx: Context) -> bool:
    """So the realm may have written records of it."""
    return bool(ctx.facts.get(WAS_SERVER) or ctx.facts.get(PROOFS))


async def clean(ctx: Context) -> None:
    """Raises FreeIpaError, DnsError."""
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        await announcing.update(ctx, opened)
        found = await leads.find(opened, name)
        own = leads.kept(found, ctx.job.realm.domain)
        servers = announcing.in_service(ctx.job, (await realm.role_holders(opened))["DNS"])
        others = [one for one in servers if one != name]
        for one in own:
            await _remove(ctx, opened, one, instead=[*others, ctx.job.master.hostname][0])
    for one in found:
        if one not in own:
            ctx.log(f"{one} was made by somebody, and stays: it leads to a host that is no server any more", "warning")


async def _remove(ctx: Context, opened: Session, lead: Lead, instead: str) -> None:
    """What the realm refuses is a warning here: what is left in the end is named by the proof."""
    try:
        ctx.log(await leads.remove(opened, lead, instead))
    except NotFound:
        ctx.log(f"Gone meanwhile: {lead}")
    except FreeIpaError as error:
        if error.retryable:
            raise
        ctx.log(f"{lead} could not be changed: {error}", "warning")

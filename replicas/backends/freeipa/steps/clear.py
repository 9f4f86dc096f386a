"""Take back what an installer of this run left half made, so that a retry begins anew."""

from __future__ import annotations

from replicas.backends.freeipa import host_addresses, leftovers, uploaded
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.checks import CLAIM, CLIENT, SERVER_STATE
from replicas.backends.freeipa.steps import enrol, promote, vectors
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import sealed
from replicas.lifecycle.steps.leftovers import loaded


class ClearInterrupted(Step):
    """Neither installer goes on where it was interrupted: its uninstallers run, and the next bundle is another one.

    An installer that is still at work is left alone. Fact `bundle_revoked`: the bundle whose one-time password was used
    up. Raises StepError (an uploaded certificate is missing), FreeIpaError, RemovalRefused, CommandFailed.
    """

    key = "clear-interrupted"
    title = "Clearing away what an interrupted installer left"
    stage = "prepare"

    def touches(self, job: Job) -> list[Touch]:
        if_any = "if an attempt before left it half installed"
        by_others = job.realm.dns and not job.options.ip_addresses
        return [
            Touch("command", f"{' '.join(promote.UNINSTALL)}, {if_any}", job.replica.hostname),
            Touch("directory", f"server and host {job.replica.hostname}, {if_any}", job.realm.name),
            *(
                [Touch("record", f"addresses of {job.replica.hostname}, put back, {if_any}", job.realm.name)]
                * by_others
            ),
        ]

    async def done(self, ctx: Context) -> bool:
        return not (ctx.facts.get(host_addresses.NOTED) or await half_made(ctx))

    async def run(self, ctx: Context) -> None:
        if await half_made(ctx):
            await self._take_back(ctx)
        await host_addresses.restore(ctx)

    async def _take_back(self, ctx: Context) -> None:
        # Before anything is changed: the new bundle needs the uploaded certificates, which may be missing.
        uploaded.members(ctx)
        ctx.log(f"{ctx.job.replica.hostname} is half installed: taking it back, to begin anew", "warning")
        await host_addresses.note(ctx)
        await promote.PromoteReplica(ctx.job).undo(ctx)
        await enrol.EnrolHost(ctx.job).undo(ctx)
        await _unenrol(ctx)
        await vectors.clean(ctx)
        await ctx.fact(sealed.REVOKED, ctx.facts.get(sealed.SHA256))


async def half_made(ctx: Context) -> bool:
    """Whether a client or a server is configured that the realm does not have as such, and no installer works on it."""
    if not ctx.facts.get(CLAIM):  # what is there is somebody else's
        return False
    replica = await ctx.host("replica")
    server, client = await replica.exists(SERVER_STATE), await replica.exists(CLIENT)
    if not (server or client) or await loaded(replica, promote.INSTALLER_UNITS, enrol.INSTALLER_UNITS):
        return False
    return not (await promote.serves(ctx) if server else await enrol.enrolled(ctx))


async def _unenrol(ctx: Context) -> None:
    """The host's key opens nothing any more, so that it gets a one-time password again."""
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        entry = await leftovers.host(opened, name)
        if entry and entry.get("has_keytab"):
            await opened.call("host_disable", name)
            ctx.log(f"The key of the host {name} is worthless now")

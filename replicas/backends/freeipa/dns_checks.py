"""What the realm's DNS holds a replica up with: read-only pre-flight checks by the realm's interface.

Each check returns what it found, or raises DnsError or StepError with what to do about it.
"""

from __future__ import annotations

from replicas.backends.freeipa import announcing, realm, zones
from replicas.backends.freeipa.access import session
from replicas.lifecycle.base import Context, Record
from replicas.lifecycle.steps import name_checks, name_servers
from replicas.lifecycle.steps.zones import place


async def alias(ctx: Context) -> str:
    """The replica's name is not an alias: that of a host has address records. Raises DnsError, StepError."""
    job, host = ctx.job, Record(f"{ctx.job.replica.hostname}.", "A", "")
    held = False
    if job.realm.dns:
        async with session(ctx) as opened:
            known = await zones.names(opened)
            if held := bool(zones.holding(host.name, known)):
                one, shown = await zones.follow(opened, zones.place(host, known), known)
                zones.refuse_alias(one, shown, await zones.above(opened, one))
    # Records that the run adds take the place of what a wildcard answers now.
    if not (held and job.options.ip_addresses):
        await name_checks.require_no_alias(ctx)
    return f"{job.replica.hostname} is not an alias"


async def alive(ctx: Context) -> str:
    """Every name server of the realm's domain answers and is up to date. Raises StepError."""
    job = ctx.job
    if not job.realm.dns:
        return f"{job.realm.name} has no DNS of its own"
    async with session(ctx) as opened:
        servers = (await realm.role_holders(opened))["DNS"]
    if not servers:
        return f"No server of {job.realm.name} serves its zones"
    server = await announcing.name_server(ctx, servers)
    found = await place(server, (Record(f"{job.realm.domain}.", "NS", f"{job.replica.hostname}."),))
    return await name_servers.require_alive((one.zone for one in found), serials=False)


async def forwarder_loops(ctx: Context) -> str:
    """No forwarder is the replica itself or a server of the realm. Raises StepError."""
    options = ctx.job.options
    if not (options.forwarders or options.dot_forwarders or options.auto_forwarders):
        return "No forwarders"
    async with session(ctx) as opened:
        names = (await realm.role_holders(opened))["DNS"]
    return await name_checks.forwarder_loops(ctx, names)

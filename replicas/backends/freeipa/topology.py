"""The one agreement that an action is about: its segment, and whether both its ends can have it."""

from __future__ import annotations

from replicas.backends.freeipa import realm
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.leftovers import directory_at
from replicas.backends.freeipa.replication import address, required, root
from replicas.clients.freeipa.session import Session
from replicas.errors import StepError
from replicas.lifecycle.base import Context


async def segment(opened: Session, suffix: str, one: str, other: str) -> realm.Segment | None:
    """The segment between these two, if there is one."""
    found = [each for each in await realm.segments(opened, [suffix]) if each.joins(one) and each.joins(other)]
    return found[0] if found else None


async def joined(ctx: Context) -> str:
    """The replica has a segment with the chosen server, whose agreement can be followed. Raises StepError."""
    name, partner, suffix = ctx.job.replica.hostname, ctx.job.options.partner, ctx.job.options.suffix
    async with session(ctx) as opened:
        found = await segment(opened, suffix, name, partner)
    if found is None:
        raise StepError(
            f"{name} has no segment of the suffix {suffix} with {partner}.",
            "Choose a server that it replicates with; the realm's page shows them.",
        )
    async with directory_at(ctx, partner, await address(ctx, partner)) as bound:
        await required(bound, root(ctx.job, suffix), name)
    return f"{name} gets the suffix {suffix} from {partner}, by the segment {found.name}"


async def addable(ctx: Context) -> str:
    """Both ends are servers that have the suffix, and both answer. Raises StepError."""
    name, partner, suffix = ctx.job.replica.hostname, ctx.job.options.partner, ctx.job.options.suffix
    async with session(ctx) as opened:
        servers = {one.name: one for one in await realm.servers(opened)}
        there = await segment(opened, suffix, name, partner)
    for one in (name, partner):
        if one not in servers:
            raise StepError(f"{one} is no server of {ctx.job.realm.name}.", "Choose another server.")
        if suffix not in servers[one].suffixes:
            held = ", ".join(servers[one].suffixes) or "no suffix"
            raise StepError(f"{one} does not have the suffix {suffix}; it has {held}.", "Choose another one.")
        async with directory_at(ctx, one, await address(ctx, one)):
            pass
    if there:
        return f"The segment {there.name} joins {name} and {partner} already: it is only proved that it works"
    return f"{name} and {partner} have the suffix {suffix}, and no segment with each other"

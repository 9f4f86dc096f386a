"""The installer of the name service for a server that has none: what it is told, and when it is not asked."""

from __future__ import annotations

from replicas.backends.freeipa import bundle, realm, serving, zones
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.dogtag import known_options
from replicas.clients import dns
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import host_advice

PROGRAM = "ipa-dns-install"
PATH = f"/usr/sbin/{PROGRAM}"
PATIENCE_SECONDS = 10.0
"""So long the installer waits for a forwarder."""


def arguments(job: Job) -> list[str]:
    """The host's own keytab lets root of a server do this; no password is asked for."""
    return ["--unattended", *bundle.forwarding(job), *bundle.reverse(job), *bundle.encryption(job)]


async def lacking(ctx: Context) -> str:
    """Raises StepError for a server that serves names already, or is hidden; a half name server can be finished."""
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        roles = await serving.roles(opened, name)
    status = roles.get(serving.DNS, "absent")
    if status in (realm.ENABLED, serving.HIDDEN):
        raise StepError(f"{name} is a name server already, which is {status}.", "There is nothing to set up.")
    if roles.get(serving.MASTER) == serving.HIDDEN:
        raise StepError(
            f"{name} is hidden, and {PROGRAM} would announce all that it serves.",
            "Announce it first; it can be hidden again afterwards.",
        )
    return f"{name} is no name server yet"


async def knows(ctx: Context) -> str:
    """The release on the host has the installer, and every option that it will be given. Raises StepError."""
    return await known_options(await ctx.host("replica"), PATH, arguments(ctx.job))


async def unmade(ctx: Context) -> str:
    """The zones that the installer is to make are not there yet, which it would refuse. Raises StepError."""
    options, name = ctx.job.options, ctx.job.realm.name
    if not options.more_reverse_zones or options.allow_zone_overlap:
        return "No zone that has to be a new one is asked for"
    async with session(ctx) as opened:
        known = await zones.names(opened)
    if there := [zone for zone in options.more_reverse_zones if dns.absolute(zone) in known]:
        raise StepError(
            f"{name} has {', '.join(there)} already, which would be made.", "Leave out of the request what is there."
        )
    return f"{name} has none of {', '.join(options.more_reverse_zones)} yet"


async def forwarding(ctx: Context) -> str:
    """Each forwarder answers, or the installer stops where signatures are to be checked. Raises StepError."""
    options = ctx.job.options
    if not options.setup_dns or options.no_dnssec_validation:
        return "The installer asks no forwarder"
    host_advice.require_answers(ctx, await host_advice.ask_forwarders(ctx, PATIENCE_SECONDS))
    return f"Forwarders that answer: {', '.join(options.forwarders) or 'none are given'}"


async def advised(ctx: Context) -> str:
    """What the installer only warns of: forwarders that leave signatures out, or do not answer. Raises StepError."""
    found = await host_advice.ask_forwarders(ctx)
    if ctx.job.options.no_dnssec_validation:
        host_advice.require_answers(ctx, found)
    host_advice.require_signatures(ctx, found)
    return f"{', '.join(ctx.job.options.forwarders) or 'No forwarders'}: nothing that the installer would warn of"

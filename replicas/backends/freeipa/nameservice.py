"""The installer of the name service for a server that has none: what it is told, and when it is not asked."""

from __future__ import annotations

from replicas.backends.freeipa import bundle, realm, serving
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.dogtag import known_options
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job

PROGRAM = "ipa-dns-install"
PATH = f"/usr/sbin/{PROGRAM}"


def arguments(job: Job) -> list[str]:
    """The host's own keytab lets root of a server do this; no password is asked for."""
    return ["--unattended", *bundle.forwarding(job), *bundle.reverse(job), *bundle.encryption(job)]


async def lacking(ctx: Context) -> str:
    """Raises StepError for a server that serves names already; one that does so half is finished by the installer."""
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        status = (await serving.roles(opened, name)).get(serving.DNS, "absent")
    if status in (realm.ENABLED, serving.HIDDEN):
        raise StepError(f"{name} is a name server already, which is {status}.", "There is nothing to set up.")
    return f"{name} is no name server yet"


async def knows(ctx: Context) -> str:
    """The release on the host has the installer, and every option that it will be given. Raises StepError."""
    return await known_options(await ctx.host("replica"), PATH, arguments(ctx.job))

"""Name service on a server that has none yet."""

from __future__ import annotations

from replicas.backends.freeipa import bundle, outcome, serving
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.installer import Installer
from replicas.backends.freeipa.realm import ENABLED
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job

PROGRAM = "ipa-dns-install"
INSTALL_SECONDS = 1800.0
LOG = "/var/log/ipaserver-dns-install.log"


class InstallNameServer(Step):
    """`ipa-dns-install`; FreeIPA has no way to take it back other than to remove the server.

    Raises StepError, CommandFailed.
    """

    key = "install-dns"
    title = "Setting up name service"
    stage = "install"
    undoable = False

    def touches(self, job: Job) -> list[Touch]:
        host = job.replica.hostname
        return [
            Touch("command", " ".join(arguments(job)), host),
            Touch("service", "named, ipa-dnskeysyncd", host),
            Touch("record", f"NS records of every zone: {host}.", job.realm.name),
        ]

    def lasting(self, job: Job) -> list[str]:
        return ["Name service goes only with the server itself."]

    async def done(self, ctx: Context) -> bool:
        async with session(ctx) as opened:
            found = await serving.roles(opened, ctx.job.replica.hostname)
        return found.get(serving.DNS) == ENABLED

    async def run(self, ctx: Context) -> None:
        job, installer = ctx.job, Installer()

        def heard(text: str) -> None:
            if installer.hear(text) and installer.total:
                ctx.progress(*installer.progress)

        status = await ctx.command("replica", "dns", arguments(job), timeout=INSTALL_SECONDS, heard=heard)
        if status:
            await outcome.collect(ctx, LOG)
            raise outcome.explain(PROGRAM, job.replica.hostname, status, installer)


def arguments(job: Job) -> list[str]:
    """The host's own keytab lets root of a server do this; no password is asked for."""
    return [PROGRAM, "--unattended", *bundle.forwarding(job), *bundle.reverse(job)]

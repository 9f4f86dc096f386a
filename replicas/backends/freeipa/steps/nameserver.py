"""Name service on a server that has none yet."""

from __future__ import annotations

from replicas.backends.freeipa import nameservice, outcome, serving
from replicas.backends.freeipa.files import NAME_SERVER_FILES
from replicas.backends.freeipa.installer import Installer
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps.leftovers import unfinished

INSTALL_SECONDS = 1800.0
UNITS = "replica-portal-*-replica-dns*"
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
            Touch("command", " ".join((nameservice.PROGRAM, *nameservice.arguments(job))), host),
            Touch("service", "named, ipa-dnskeysyncd", host),
            Touch("record", f"NS records of every zone: {host}.", job.realm.name),
        ]

    def lasting(self, job: Job) -> list[str]:
        return ["Name service goes only with the server itself."]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", path) for path in NAME_SERVER_FILES]

    async def done(self, ctx: Context) -> bool:
        return await serving.serves(ctx, serving.DNS) and not await unfinished(await ctx.host("replica"), UNITS)

    async def run(self, ctx: Context) -> None:
        job, installer = ctx.job, Installer()

        def heard(text: str) -> None:
            if installer.hear(text) and installer.total:
                ctx.progress(*installer.progress)

        argv = [nameservice.PROGRAM, *nameservice.arguments(job)]
        status = await ctx.command("replica", "dns", argv, timeout=INSTALL_SECONDS, heard=heard)
        if status:
            await outcome.collect(ctx, LOG)
            then = "See in the log why, and try again."
            raise outcome.explain(nameservice.PROGRAM, job.replica.hostname, status, installer, then)
        try:
            await serving.require_soon(ctx, serving.DNS, LOG)
        except StepError:
            await outcome.collect(ctx, LOG)
            raise

"""Join the replica's host to the realm, with the one-time password of the bundle."""

from __future__ import annotations

from replicas.backends.freeipa import bundle, leftovers, opening, outcome
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.checks import CLIENT
from replicas.backends.freeipa.files import CLIENT_FILES
from replicas.backends.freeipa.installer import Installer
from replicas.clients.programs import launch
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps.leftovers import stop_commands, unfinished

PROGRAM = "/usr/sbin/ipa-client-install"
UNIT = "enrol"
INSTALLER_UNITS = f"replica-portal-*-replica-{UNIT}*"
FOLDER = "/run/portal-enrol"
"""Where the bundle lies open for a moment; what is left of it goes with the host's other leftovers."""
ENROL_SECONDS, UNINSTALL_SECONDS = 900.0, 900.0


class EnrolHost(Step):
    """`ipa-client-install` with the realm's authority and the one-time password, which it uses up.

    Fact `bundle_opened`. Undo runs its uninstaller. Raises WrongPassword, BundleError, StepError, CommandFailed.
    """

    key = "enrol-host"
    stage = "install"
    undo_title = "Taking the host out of the realm again (ipa-client-install --uninstall)"

    def __init__(self, job: Job) -> None:
        self.title = f"Enrolling {job.replica.hostname} in {job.realm.name}"

    def touches(self, job: Job) -> list[Touch]:
        host = job.replica.hostname
        return [
            Touch("command", f"ipa-client-install {' '.join(bundle.enrolment(job))}", host),
            Touch("file", "/etc/krb5.keytab, /etc/krb5.conf, /etc/ipa, /etc/sssd/sssd.conf, /etc/ssh", host),
            Touch("principal", f"host/{host}@{job.realm.name}", job.realm.name),
        ]

    def undo_touches(self, job: Job) -> list[Touch]:
        return [Touch("command", "ipa-client-install --uninstall --unattended", job.replica.hostname)]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", path) for path in CLIENT_FILES]

    async def done(self, ctx: Context) -> bool:
        """Both sides say so: the host is configured, and the realm knows its key."""
        replica = await ctx.host("replica")
        # Its last words come after both know.
        return await replica.exists(CLIENT) and await enrolled(ctx) and not await unfinished(replica, INSTALLER_UNITS)

    async def run(self, ctx: Context) -> None:
        replica, installer = await ctx.host("replica"), Installer()
        python = await opening.interpreter(replica, PROGRAM)
        argv, head = launch("freeipa_enrol", {"folder": FOLDER, "program": PROGRAM}, python)

        def heard(text: str) -> None:
            installer.hear(text)

        async def prepare() -> None:
            await self._open(ctx)

        status = await ctx.command(
            "replica", UNIT, list(argv), input=head, timeout=ENROL_SECONDS, prepare=prepare, heard=heard, scratch=FOLDER
        )
        if status:
            await outcome.collect(ctx, outcome.logs(ctx.job.instance)[0])
            raise outcome.explain("ipa-client-install", replica.name, status, installer)
        ctx.log(f"{replica.name} is enrolled in {ctx.job.realm.name}")

    async def undo_host(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        await stop_commands(ctx, INSTALLER_UNITS)
        if not await replica.exists(CLIENT):
            ctx.log(f"{replica.name} is no client of a realm")
            return
        argv = ["ipa-client-install", "--uninstall", "--unattended"]
        status = await ctx.command("replica", "client-uninstall", argv, timeout=UNINSTALL_SECONDS)
        if await replica.exists(CLIENT):
            raise StepError(
                f"ipa-client-install --uninstall on {replica.name} ended with status {status}, and {CLIENT} is there.",
                "See /var/log/ipaclient-uninstall.log there, then try again.",
            )
        ctx.log(f"{replica.name} is no client of {ctx.job.realm.name} any more")

    async def _open(self, ctx: Context) -> None:
        """Put the bundle's content in memory on the replica. Raises WrongPassword, BundleError, StepError."""
        job, replica = ctx.job, await ctx.host("replica")
        if await replica.exists(CLIENT):
            raise StepError(
                f"{replica.name} is half enrolled: {CLIENT} is there, and {job.realm.name} does not know its key.",
                f"See the realm in {CLIENT} there. If it is another one, choose another host. If it is "
                f"{job.realm.name}, an attempt before was interrupted: {outcome.AGAIN}.",
            )
        await opening.open_bundle(ctx, FOLDER)


async def enrolled(ctx: Context) -> bool:
    """Whether the realm knows a key of the host."""
    async with session(ctx) as opened:
        entry = await leftovers.host(opened, ctx.job.replica.hostname)
    return bool(entry and entry.get("has_keytab"))

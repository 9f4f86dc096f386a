"""Make the enrolled host a server of the realm."""

from __future__ import annotations

from replicas.backends.freeipa import bundle, leftovers, opening, outcome, removing, serving, uploaded
from replicas.backends.freeipa.access import SERVERS, session
from replicas.backends.freeipa.checks import SERVER_STATE
from replicas.backends.freeipa.files import NAME_SERVER_FILES, SERVER_FILES
from replicas.backends.freeipa.installer import Installer
from replicas.clients.programs import launch
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps.convergence import converged
from replicas.lifecycle.steps.leftovers import stop_commands, unfinished

PROGRAM = "ipa-replica-install"
PATH = f"/usr/sbin/{PROGRAM}"
INSTALL_SECONDS = 2 * 3600.0
"""A CA on a slow machine takes half an hour; a large directory takes longer."""
UNINSTALL = ("ipa-server-install", "--uninstall", "--unattended")
# What the realm loses was decided when its entry was removed.
ANYWAY = ("--ignore-topology-disconnect", "--ignore-last-of-role")
UNINSTALL_SECONDS = 1800.0
UNIT = "promote"
INSTALLER_UNITS = f"replica-portal-*-replica-{UNIT}*"


class PromoteReplica(Step):
    """`ipa-replica-install`, as a host that may promote itself, without a password.

    What counts is what the realm says of the server afterwards, not the exit status. Undo removes the server from the
    realm and runs the uninstaller. Raises StepError, CommandFailed; undo RemovalRefused.
    """

    key = "promote-replica"
    stage = "install"
    undo_title = "Removing the server from the realm, and from its host (ipa-server-install --uninstall)"
    undo_destroys = True

    def __init__(self, job: Job) -> None:
        self.title = f"Installing the replica {job.replica.hostname}"

    def touches(self, job: Job) -> list[Touch]:
        realm, host = job.realm, job.replica.hostname
        suffixes = [realm.suffix, *(["o=ipaca"] if job.options.setup_ca else [])]
        return [
            Touch("command", f"{PROGRAM} {' '.join(bundle.promotion(job))}", host),
            *(
                Touch("certificate", f"{name.replace('_', ' ')} {one.subject}, SHA-256 {one.sha256}", host)
                for name, one in uploaded.chosen(job.options)
            ),
            Touch("directory", f"cn={host},cn=masters,cn=ipa,cn=etc,{realm.suffix}", realm.name),
            *(Touch("agreement", f"{job.master.hostname} <-> {host}, {suffix}", realm.name) for suffix in suffixes),
            Touch("record", f"service records of {host}, by the realm itself", realm.name),
        ]

    def undo_touches(self, job: Job) -> list[Touch]:
        host = job.replica.hostname
        return [
            Touch("directory", f"server {host} with its agreements, principals and records", job.realm.name),
            Touch("command", " ".join((*UNINSTALL, *ANYWAY)), host),
        ]

    def undo_lasting(self, job: Job) -> list[str]:
        records = f"The A, AAAA and PTR records of {job.replica.hostname} go with the server, whoever made them."
        lost = "Data that only this server had is lost: its last changes, if no other server has them."
        return [lost, *([records] if job.realm.dns else [])]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        paths = SERVER_FILES + NAME_SERVER_FILES if job.options.setup_dns else SERVER_FILES
        return [("replica", path) for path in paths]

    async def done(self, ctx: Context) -> bool:
        # Its last words come after the realm knows of the server.
        return await serves(ctx) and not await unfinished(await ctx.host("replica"), INSTALLER_UNITS)

    async def run(self, ctx: Context) -> None:
        job, installer = ctx.job, Installer()

        def heard(text: str) -> None:
            if installer.hear(text) and installer.total:
                ctx.progress(*installer.progress)

        def shown(line: str) -> None:
            if installer.see(line):
                ctx.progress(*installer.progress)

        async def prepare() -> None:
            await self._ready(ctx)

        argv, head = await self._command(ctx)
        status = await ctx.command(
            "replica",
            UNIT,
            argv,
            input=head,
            timeout=INSTALL_SECONDS,
            prepare=prepare,
            heard=heard,
            scratch=uploaded.FOLDER if head else "",
            shown=shown,
        )
        if status:
            await outcome.collect(ctx, *outcome.logs(job.instance))
            raise outcome.explain(PROGRAM, job.replica.hostname, status, installer)
        if not await appears(ctx):
            await outcome.collect(ctx, *outcome.logs(job.instance))
            raise outcome.nothing_made(PROGRAM, job.replica.hostname, job.realm.name)
        ctx.log(f"{job.replica.hostname} is a server of {job.realm.name}")

    async def undo_realm(self, ctx: Context) -> None:
        if not ctx.job.options.host_gone_reason:
            # An installer that is still at work would make again what is removed here.
            await stop_commands(ctx, INSTALLER_UNITS)
        await removing.remove_server(ctx)

    async def undo_host(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        if not await replica.exists(SERVER_STATE):
            ctx.log(f"{replica.name} has no server to be uninstalled")
            return
        status = await ctx.command("replica", "uninstall", [*UNINSTALL, *ANYWAY], timeout=UNINSTALL_SECONDS)
        if await replica.exists(SERVER_STATE):
            await outcome.collect(ctx, "/var/log/ipaserver-uninstall.log")
            raise StepError(
                f"{UNINSTALL[0]} --uninstall on {replica.name} left {SERVER_STATE}, with status {status}.",
                "See /var/log/ipaserver-uninstall.log there, then try again.",
            )
        ctx.log(f"Nothing of the server is left on {replica.name}")

    async def _command(self, ctx: Context) -> tuple[list[str], bytes | None]:
        """The installer, and what it reads; with uploaded certificates within a program that has their pins."""
        options = ctx.job.options
        if not uploaded.arguments(options):
            return [PROGRAM, *bundle.promotion(ctx.job)], None
        payload = {"folder": uploaded.FOLDER, "program": PATH, "pins": uploaded.pins(options)}
        python = await opening.interpreter(await ctx.host("replica"), PATH)
        argv, head = launch("freeipa_promote", payload, python)
        return list(argv), head

    async def _ready(self, ctx: Context) -> None:
        """Before a new start: nothing half made on the host, and the host may promote itself. Raises StepError."""
        replica, name = await ctx.host("replica"), ctx.job.replica.hostname
        if await replica.exists(SERVER_STATE):
            raise StepError(
                f"{name} is half installed: {PROGRAM} was interrupted, and does not go on from there.",
                f"To begin anew: {outcome.AGAIN}.",
            )
        async with session(ctx) as opened:
            await opened.members("hostgroup_add_member", SERVERS, host=[name])
        await ctx.fact(removing.WAS_SERVER, True)
        if uploaded.arguments(ctx.job.options):
            await opening.open_bundle(ctx, uploaded.FOLDER)


async def appears(ctx: Context) -> bool:
    """Return whether the server serves, once the master had time to learn of it from the replica's own directory."""

    async def attempt() -> None:
        if not await serves(ctx):
            raise StepError(
                f"{ctx.job.realm.name} does not list {ctx.job.replica.hostname} as a server that serves yet."
            )

    try:
        await converged(ctx, attempt)
    except StepError:
        return False
    return True


async def serves(ctx: Context) -> bool:
    """Whether the realm has it among its servers, and no longer as one that is only being installed."""
    async with session(ctx) as opened:
        name = ctx.job.replica.hostname
        found = await leftovers.server(opened, name)
        if found is None or not ctx.job.options.hidden_replica:
            return found is not None and found.serves
        return (await serving.roles(opened, name)).get(serving.MASTER) == serving.HIDDEN

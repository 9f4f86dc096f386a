"""A certificate authority, or a key recovery authority, on a server that has none yet."""

from __future__ import annotations

from replicas.backends.freeipa import dogtag, opening, outcome, serving
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.files import CA_FILES
from replicas.backends.freeipa.installer import Installer
from replicas.backends.freeipa.replication import CA
from replicas.backends.freeipa.steps.prove import PROOFS
from replicas.clients.programs import launch
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps.convergence import converged
from replicas.lifecycle.steps.leftovers import unfinished

INSTALL_SECONDS = 2 * 3600.0


class AddRole(Step):
    """`ipa-ca-install` or `ipa-kra-install`, which get the Directory Manager password within their own process.

    FreeIPA has no way to take either back other than to remove the server. Raises StepError, CommandFailed.
    """

    stage = "install"
    undoable = False

    def __init__(self, job: Job) -> None:
        self.part = dogtag.PARTS[job.action]
        self.key = f"install-{job.action}"
        self.title = f"Setting up a {self.part.short} on {job.replica.hostname}"

    def touches(self, job: Job) -> list[Touch]:
        host, suffix = job.replica.hostname, "o=ipaca"
        command = " ".join((self.part.program, *self.part.arguments(job)))
        copied = [Touch("agreement", f"{host} <-> a server with a CA, {suffix}", job.realm.name)]
        return [
            Touch("command", command, host),
            Touch("service", "pki-tomcatd, dirsrv (started anew), certmonger", host),
            Touch("key", f"the keys of the realm's {self.part.short}, copied from a server that has it", host),
            *(copied if job.action == "ca" else []),
        ]

    def lasting(self, job: Job) -> list[str]:
        return [f"The {self.part.short}, with a copy of its keys, goes only with the server itself."]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", path) for path in CA_FILES]

    async def done(self, ctx: Context) -> bool:
        units = f"replica-portal-*-replica-{ctx.job.action}*"
        return await serving.serves(ctx, self.part.role) and not await unfinished(await ctx.host("replica"), units)

    async def run(self, ctx: Context) -> None:
        job, part, installer = ctx.job, self.part, Installer()

        def heard(text: str) -> None:
            if installer.hear(text) and installer.total:
                ctx.progress(installer.number, installer.total, "steps")

        async def prepare() -> None:
            await dogtag.refuse_half(ctx)

        password = ctx.secret("directory_manager")
        payload = {"program": part.path, "arguments": part.arguments(job), "password": password}
        python = await opening.interpreter(await ctx.host("replica"), part.path)
        argv, head = launch("freeipa_later", payload, python)
        status = await ctx.command(
            "replica", job.action, list(argv), input=head, timeout=INSTALL_SECONDS, prepare=prepare, heard=heard
        )
        if status:
            await self._collect(ctx)
            then = f"See in the log why, and try again. {dogtag.half(job.replica.hostname, part)}"
            raise outcome.explain(part.program, job.replica.hostname, status, installer, then)
        try:
            await serving.require_soon(ctx, part.role, part.log)
        except StepError:
            await self._collect(ctx)
            raise
        ctx.log(f"{job.replica.hostname} has a {part.short}")

    async def _collect(self, ctx: Context) -> None:
        errors = f"/var/log/dirsrv/slapd-{ctx.job.instance}/errors"
        await outcome.collect(ctx, self.part.log, errors, *outcome.DOGTAG_LOGS)


class ProveRole(Step):
    """The role is served as the whole server is, and the authority's data is replicated.

    Fact `proofs`. Raises StepError, FreeIpaError.
    """

    key = "prove-role"
    stage = "verify"

    def __init__(self, job: Job) -> None:
        self.part = dogtag.PARTS[job.action]
        self.title = f"Proving that the {self.part.short} serves"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("read", "roles, segments", job.realm.name)]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(PROOFS))

    async def run(self, ctx: Context) -> None:
        name = ctx.job.replica.hostname
        async with session(ctx) as opened:
            proofs = [
                await converged(ctx, lambda: serving.require_roles(opened, ctx.job)),
                await converged(ctx, lambda: serving.require_segments(opened, name, [CA])),
            ]
        for sentence in proofs:
            ctx.log(sentence)
        await ctx.fact(PROOFS, list(proofs))

"""Another agreement for a server of the realm."""

from __future__ import annotations

from replicas.backends.freeipa import health, serving, topology
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.steps.prove import ATTRIBUTE, PROOFS, entry
from replicas.backends.freeipa.steps.reinitialize import prove_arrives
from replicas.clients.freeipa.errors import Duplicate
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.convergence import converged


class AddSegment(Step):
    """`topologysegment_add`: the servers make the agreements of both directions themselves. One that is there is fine.

    Raises FreeIpaError.
    """

    key = "add-segment"
    stage = "install"
    undoable = False

    def __init__(self, job: Job) -> None:
        options = job.options
        self.title = f"Adding the segment {job.replica.hostname} - {options.partner} of the suffix {options.suffix}"

    def touches(self, job: Job) -> list[Touch]:
        name, options = job.replica.hostname, job.options
        return [
            Touch("command", health.command(options.suffix, name, options.partner), job.realm.name),
            Touch("agreement", f"{name} <-> {options.partner}, {options.suffix}", job.realm.name),
        ]

    def lasting(self, job: Job) -> list[str]:
        return ["The segment stays until somebody removes it (ipa topologysegment-del), or one of its servers goes."]

    async def done(self, ctx: Context) -> bool:
        job = ctx.job
        async with session(ctx) as opened:
            found = await topology.segment(opened, job.options.suffix, job.replica.hostname, job.options.partner)
        return found is not None

    async def run(self, ctx: Context) -> None:
        name, partner, suffix = ctx.job.replica.hostname, ctx.job.options.partner, ctx.job.options.suffix
        segment = f"{name}-to-{partner}"
        ends = {"iparepltoposegmentleftnode": name, "iparepltoposegmentrightnode": partner}
        async with session(ctx) as opened:
            try:
                await opened.call("topologysegment_add", suffix, segment, **ends)
            except Duplicate:  # what was sent by an attempt that was cut off, or by somebody else just now
                ctx.log(f"The segment {segment} is there already")
            else:
                ctx.log(f"Added the segment {segment} of the suffix {suffix}")


class ProveSegment(Step):
    """Both directions replicate, as the servers themselves say, and every server of the suffix reaches every other.

    In the suffix `domain` a write goes each way: the description of the host's own entry, which is put back. Fact
    `proofs`. Raises StepError, DirectoryError, FreeIpaError.
    """

    key = "prove-segment"
    title = "Proving that both directions of the agreement work"
    stage = "verify"

    def touches(self, job: Job) -> list[Touch]:
        written = [Touch("directory", f"{ATTRIBUTE} of {entry(job)}, put back", job.realm.name)]
        return [Touch("read", "segments, and the agreements of both servers", job.realm.name), *written]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(PROOFS))

    async def run(self, ctx: Context) -> None:
        name, partner, suffix = ctx.job.replica.hostname, ctx.job.options.partner, ctx.job.options.suffix
        async with session(ctx) as opened:
            await converged(ctx, lambda: serving.require_connected(opened, suffix))
        proofs = [f"Every server of the suffix {suffix} reaches every other."]
        for supplier, consumer in ((name, partner), (partner, name)):
            proofs.append(await prove_arrives(ctx, supplier, consumer))
        for sentence in proofs:
            ctx.log(sentence)
        await ctx.fact(PROOFS, list(proofs))

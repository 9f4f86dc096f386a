"""Taking an installation back, step by step, whatever it came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from replicas.errors import HostError, HostUnreachable, StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import JSON, Job

REMOVAL_BEGUN = "removal_begun"
"""The fact that a removal writes before its first change; until then the replica serves as before."""
UNDONE = "undone"
"""Fact: the keys of the steps that this run has finished; it holds for no other run."""
UNDO = "undo-"
"""What the keys of these steps begin with."""
IF_GONE = "If the machine is gone for good, ask for the removal again and say so: its part is left out then."


class Undo(Step):
    """What another step did, taken back: first from the realm, then from the replica's host.

    `claim` names the fact without which the installation has changed nothing, so that what is there is not its own.
    The host's part is left out, with a warning, when the request says that the machine is gone. Raises what the step's
    undo raises.
    """

    stage = "remove"

    def __init__(self, step: Step, claim: str) -> None:
        self.step, self.claim = step, claim
        self.key = f"{UNDO}{step.key}"
        self.title = step.undo_title or f"Undoing: {step.title}"
        self.undoable = not step.undo_destroys

    def touches(self, job: Job) -> list[Touch]:
        return there(job, self.step.undo_touches(job))

    def lasting(self, job: Job) -> list[str]:
        return self.step.undo_lasting(job)

    async def done(self, ctx: Context) -> bool:
        return self.key in undone(ctx)

    async def run(self, ctx: Context) -> None:
        if not ctx.facts.get(self.claim):
            ctx.log("Nothing to undo: the installation ended before it changed anything")
        else:
            if ctx.job.options.host_gone_reason and not any(key.startswith(UNDO) for key in undone(ctx)):
                ctx.log(await require_gone(ctx), "warning")
            await begin(ctx)
            await self.step.undo_realm(ctx)
            await self._on_host(ctx)
        await finish(ctx, self.key)

    async def _on_host(self, ctx: Context) -> None:
        if not overrides(self.step, "undo_host"):
            return
        if reason := ctx.job.options.host_gone_reason:
            ctx.log(f"Left out on {ctx.job.replica.hostname}, which is gone: {reason}", "warning")
            return
        try:
            await self.step.undo_host(ctx)
        except HostUnreachable as error:
            raise HostUnreachable(error.message, f"{error.remedy} {IF_GONE}", retryable=error.retryable) from error


def undo(steps: Iterable[Step], claim: str, job: Job) -> tuple[Undo, ...]:
    """Return the steps that have something to undo, in the reverse order; only in the realm when the host is gone."""
    gone = bool(job.options.host_gone_reason)
    reverting = [step for step in steps if overrides(step, "undo_realm") or (reverts(step) and not gone)]
    return tuple(Undo(step, claim) for step in reversed(reverting))


def reverts(step: Step) -> bool:
    return overrides(step, "undo_realm") or overrides(step, "undo_host")


def there(job: Job, touches: Iterable[Touch]) -> list[Touch]:
    """Return what a removal touches, without the replica's host when that is gone."""
    left_out = job.replica.hostname if job.options.host_gone_reason else None
    return [touch for touch in touches if touch.where != left_out]


async def require_gone(ctx: Context) -> str:
    """Tell how the host is gone that the request says is gone. Raises StepError when it lets the portal in.

    Another machine that answers at its address has another host key, and does not count.
    """
    replica = ctx.job.replica
    try:
        await ctx.host("replica")
    except HostError as error:
        return f"{replica.hostname} is left out: {error.message}"
    raise StepError(
        f"{replica.hostname} is not gone: it answers at {replica.address} with its own host key and admits the portal.",
        "Request the removal again without stating that the host is gone. Then the host is cleaned as well.",
    )


def overrides(step: Step, name: str) -> bool:
    return getattr(type(step), name) is not getattr(Step, name)


def undone(ctx: Context) -> list[str]:
    found = ctx.facts.get(UNDONE)
    return [str(key) for key in found] if isinstance(found, list) else []


def to_begin_with(facts: Mapping[str, JSON]) -> dict[str, JSON]:
    """The facts that a run goes on with when it is retried.

    Before its first change it has only looked whether the realm can do without the replica; by now, it may not.
    """
    return {key: value for key, value in facts.items() if key != UNDONE or facts.get(REMOVAL_BEGUN)}


async def begin(ctx: Context) -> None:
    """From here on the replica no longer counts as one that serves."""
    if not ctx.facts.get(REMOVAL_BEGUN):
        await ctx.fact(REMOVAL_BEGUN, True)


async def finish(ctx: Context, key: str) -> None:
    """The step with that key is done, for this run."""
    await ctx.fact(UNDONE, [*undone(ctx), key])


async def begin_again(ctx: Context) -> None:
    """Something is left: whoever tries again undoes every step again."""
    await ctx.fact(UNDONE, [])

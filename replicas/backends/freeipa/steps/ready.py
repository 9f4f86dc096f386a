"""Find out what would go wrong with a server that serves, before anything is changed."""

from __future__ import annotations

from replicas.backends.freeipa.later import CHECKS
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job

READY = "found_ready"


class CheckReady(Step):
    """The checks of the action, each in its turn; changes nothing. Fact `found_ready`.

    Raises WrongPassword, StepError and FreeIpaError, each with what to change.
    """

    key = "check-ready"
    title = "Checking the realm and the replica"
    stage = "prepare"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("read", "roles, servers, segments", job.realm.name), Touch("read", job.replica.hostname)]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(READY))

    async def run(self, ctx: Context) -> None:
        for check in CHECKS[ctx.job.action].values():
            ctx.log(await check(ctx))
        await ctx.fact(READY, True)

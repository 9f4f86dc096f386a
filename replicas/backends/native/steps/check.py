"""Find out what would go wrong before anything is changed."""

from __future__ import annotations

import asyncio

from replicas.backends.native.checks import CHECKS, CLAIM
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job


class CheckHosts(Step):
    """Raises WrongPassword and StepError, each with what to change; changes nothing itself.

    Fact `replica_claimed`: from then on, what the realm knows of the replica comes from this run.
    """

    key = "check-hosts"
    title = "Checking the master and the replica"
    stage = "prepare"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("read", "settings, space, clock, ports", host.hostname) for host in (job.master, job.replica)]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(CLAIM))

    async def run(self, ctx: Context) -> None:
        found = await asyncio.gather(*(check(ctx) for check in CHECKS.values()), return_exceptions=True)
        # All are waited for, and the first in their order is told.
        for one in found:
            if isinstance(one, BaseException):
                raise one
            ctx.log(one)
        await ctx.fact(CLAIM, True)

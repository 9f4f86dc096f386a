"""Find out what would go wrong before anything is changed."""

from __future__ import annotations

import asyncio

from replicas.backends.freeipa.checks import CHECKS, CLAIM, SIGNS_IN
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job

CHECKED = "hosts_checked"


class CheckHosts(Step):
    """Raises WrongPassword, StepError and FreeIpaError, each with what to change; changes nothing itself.

    Fact `replica_claimed`: from then on, what the realm knows of the replica comes from this run. With leftovers that
    are removed first it is theirs to note, and the fact here is `hosts_checked`.
    """

    key = "check-hosts"
    title = "Checking the realm and the replica"
    stage = "prepare"

    def touches(self, job: Job) -> list[Touch]:
        return [
            Touch("read", "release, domain level, servers, segments, update vector", job.realm.name),
            Touch("read", "settings, space, memory, clock, ports", job.replica.hostname),
        ]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(CLAIM) or ctx.facts.get(CHECKED))

    async def run(self, ctx: Context) -> None:
        # Alone, as several sign-ins with a wrong password would lock the account.
        ctx.log(await CHECKS[SIGNS_IN](ctx))
        rest = [check for name, check in CHECKS.items() if name != SIGNS_IN]
        found = await asyncio.gather(*(check(ctx) for check in rest), return_exceptions=True)
        # All are waited for, and the first in their order is told.
        for one in found:
            if isinstance(one, BaseException):
                raise one
            ctx.log(one)
        await ctx.fact(CHECKED if ctx.job.options.leftovers_reason else CLAIM, True)

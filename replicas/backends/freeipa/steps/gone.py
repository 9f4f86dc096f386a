"""Prove that nothing of the replica is left."""

from __future__ import annotations

import asyncio
import time

from replicas.backends.freeipa import announcing, leads, leftovers, records
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.checks import CLAIM, CLIENT, SERVER_STATE
from replicas.backends.freeipa.steps.prepare import HOST_ADDED
from replicas.backends.freeipa.steps.prove import PROOFS
from replicas.clients.freeipa.session import Session
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.undo import begin_again, finish, undone

SETTLED_SECONDS = 60.0
POLL_SECONDS = 1.0
"""The realm cleans its update vectors after the server's entry is gone, and name servers follow its directory."""


class ProveGone(Step):
    """The realm and the host are asked; changes nothing.

    Fact `proofs`: what was found clean, a sentence each. Raises StepError naming what is left; then every step of the
    removal counts as open again, so that a retry looks at all of it once more.
    """

    key = "prove-gone"
    title = "Proving that nothing of the replica is left"
    stage = "verify"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("read", f"every server of {job.realm.name}"), Touch("read", job.replica.hostname)]

    async def done(self, ctx: Context) -> bool:
        return self.key in undone(ctx)

    async def run(self, ctx: Context) -> None:
        proofs = await self._prove(ctx) if ctx.facts.get(CLAIM) else ["The installation had changed nothing."]
        for sentence in proofs:
            ctx.log(sentence)
        await ctx.fact(PROOFS, list(proofs))
        await ctx.fact("missing_records", [])
        await finish(ctx, self.key)

    async def _prove(self, ctx: Context) -> list[str]:
        """Raises StepError."""
        end = time.monotonic() + SETTLED_SECONDS
        while left := [*await in_realm(ctx), *await on_host(ctx)]:
            if time.monotonic() > end:
                await begin_again(ctx)
                raise StepError(
                    f"Something of {ctx.job.replica.hostname} is left: {'; '.join(one.rstrip('.') for one in left)}.",
                    "Try again: every step of the removal is done once more. What is left then, somebody else makes.",
                )
            await asyncio.sleep(POLL_SECONDS)
        return told(ctx)


async def in_realm(ctx: Context) -> list[str]:
    """What the realm knows of the replica: entries, segments, records, ids in the master's update vector."""
    name, left = ctx.job.replica.hostname, list[str]()
    async with session(ctx) as opened:
        try:
            await leftovers.refuse(opened, name)
        except StepError as error:
            left.append(error.message)
        if ctx.facts.get(HOST_ADDED) and await leftovers.host(opened, name):
            left.append(f"the host {name}")
        if ctx.job.realm.dns:
            left += await in_names(ctx, opened)
    try:
        await leftovers.refuse_vectors(ctx)
    except StepError as error:
        left.append(error.message)
    return left


async def in_names(ctx: Context, opened: Session) -> list[str]:
    """What the realm would write of the replica, what its zones have, and what its name servers answer."""
    job, announced = ctx.job, await records.every(opened)
    own = (job.replica.address, *job.options.ip_addresses)
    found = leads.kept(await leads.find(opened, job.replica.hostname), announced)
    asked = [*records.questions(announced), Record(f"{job.realm.domain}.", "NS", "")]
    placed = await announcing.at_name_servers(ctx, opened, asked)
    return [
        *(f"the expected record «{one}»" for one in announced if records.names(one, job.replica.hostname)),
        *(f"the record {one}" for one in found),
        *await announcing.leading(placed, job.replica.hostname, own),
    ]


async def on_host(ctx: Context) -> list[str]:
    if ctx.job.options.host_gone_reason:
        return []
    replica = await ctx.host("replica")
    paths = (SERVER_STATE, CLIENT, ctx.job.bundle_path)
    return [f"{path} on {replica.name}" for path in paths if await replica.exists(path)]


def told(ctx: Context) -> list[str]:
    name, realm = ctx.job.replica.hostname, ctx.job.realm.name
    proofs = [f"{realm}: no server {name}, no segment with it, no enrolled host."]
    if ctx.job.realm.dns:
        proofs.append(
            f"{realm}: no service or NS record of its zones leads to {name}, and no name server leads clients there."
        )
    if ctx.job.options.host_gone_reason:
        return [*proofs, f"{name} itself was not looked at: it is gone."]
    return [*proofs, f"{name}: no server and no client of a realm is configured, and there is no bundle."]

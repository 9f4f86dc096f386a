"""Prove that nothing of the replica is left."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from replicas.backends.freeipa import announcing, leads, leftovers, records
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.announcing import Said
from replicas.backends.freeipa.checks import CLAIM, CLIENT, SERVER_STATE
from replicas.backends.freeipa.steps.clean_records import was_server
from replicas.backends.freeipa.steps.prepare import HOST_ADDED
from replicas.backends.freeipa.steps.prove import PROOFS
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.convergence import REPLICATED_SECONDS
from replicas.lifecycle.steps.service_records import service_records
from replicas.lifecycle.undo import begin_again, finish, undone

POLL_SECONDS = 1.0


class ProveGone(Step):
    """The realm and the host are asked; changes nothing, but that what name servers have lost is written once more.

    Fact `proofs`: what was found clean, a sentence each. Raises StepError naming what is left; then every step of the
    removal counts as open again, so that a retry looks at all of it once more.
    """

    key = "prove-gone"
    title = "Proving that nothing of the replica is left"
    stage = "verify"

    def touches(self, job: Job) -> list[Touch]:
        reads = [
            f"every server of {job.realm.name}",
            *([f"every name server of {job.realm.domain}"] if job.realm.dns else []),
            *([] if job.options.host_gone_reason else [job.replica.hostname]),
        ]
        mended = [announcing.mended(job)] if job.realm.dns else []
        return [*(Touch("read", one) for one in reads), *mended]

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
        """Return the proofs. Raises StepError.

        The realm cleans its update vectors after the server's entry is gone, and its name servers hear of that later;
        while they do, something may come back for a moment. Each may take as long as any change.
        """
        begun = left_since = answers_since = time.monotonic()
        reason, heard = "", False
        while True:
            names = await in_names(ctx) if ctx.job.realm.dns and was_server(ctx) else None
            left = [*await in_realm(ctx), *(names.left if names else ())]
            answers = list(names.said.leads) if names else []
            heard = heard or bool(answers)
            if heard and names is not None and not (answers or names.said.asked):
                answers = ["name servers that do not answer any more"]
            if not (left or answers or (left := await on_host(ctx))):
                await _mend(ctx, names)
                return told(ctx, names)
            now = time.monotonic()
            left_since, answers_since = left_since if left else now, answers_since if answers else now
            longest = max(now - left_since, now - answers_since, (now - begun) / 2)
            if longest > REPLICATED_SECONDS:
                await begin_again(ctx)
                raise _still_there(ctx, [*left, *answers])
            if (found := "; ".join([*left, *answers])) != reason:
                reason = found
                ctx.log(f"Waiting until the change has reached every server; still present: {reason}")
            await asyncio.sleep(POLL_SECONDS)


def _still_there(ctx: Context, left: list[str]) -> StepError:
    return StepError(
        f"{ctx.job.replica.hostname} was not fully removed; still present: "
        f"{'; '.join(one.rstrip('.') for one in left)}.",
        "Retry the removal: every step is done once more. If something reappears, another program creates it again. "
        "A name server whose answers differ from the realm's zones does not receive their changes: see its log.",
    )


async def in_realm(ctx: Context) -> list[str]:
    """What the realm knows of the replica: entries, segments, ids in the master's update vector."""
    name, left = ctx.job.replica.hostname, list[str]()
    async with session(ctx) as opened:
        try:
            await leftovers.refuse(opened, name)
        except StepError as error:
            left.append(error.message)
        if ctx.facts.get(HOST_ADDED) and await leftovers.host(opened, name):
            left.append(f"the host {name}")
    try:
        await leftovers.refuse_vectors(ctx)
    except StepError as error:
        left.append(error.message)
    return left


@dataclass(frozen=True, slots=True)
class InNames:
    """What is left of the replica in the realm's zones, and what name servers said."""

    left: tuple[str, ...]
    said: Said


async def in_names(ctx: Context) -> InNames:
    """What the realm would write of the replica, what its zones have, and what name servers answer.

    Its address may have become that of another authority; so one that the realm expects is nobody's any more.
    """
    job = ctx.job
    async with session(ctx) as opened:
        announced = await records.every(opened)
        found = leads.kept(await leads.find(opened, job.replica.hostname), job.realm.domain)
        asked = [
            *records.questions([*announced, *records.of_some(job.realm.domain)]),
            Record(f"{job.realm.domain}.", "NS", ""),
        ]
        placed = await announcing.those_that_tell(ctx, opened, asked)
    taken = records.parsed(record.value for record in announced if records.shared(record))
    own = records.parsed((job.replica.address, *job.options.ip_addresses)) - taken
    said = await announcing.leading(placed, job.replica.hostname, own)
    expected = [f"the expected record «{one}»" for one in announced if records.names(one, job.replica.hostname)]
    return InNames((*expected, *(f"the record {one}" for one in found)), said)


async def _mend(ctx: Context, names: InNames | None) -> None:
    """What the last of its changes may have taken from the others after all."""
    if names and names.said.asked:
        async with session(ctx) as opened:
            await announcing.mend(ctx, opened)


async def on_host(ctx: Context) -> list[str]:
    if ctx.job.options.host_gone_reason:
        return []
    replica = await ctx.host("replica")
    paths = (SERVER_STATE, CLIENT, ctx.job.bundle_path)
    return [f"{path} on {replica.name}" for path in paths if await replica.exists(path)]


def told(ctx: Context, names: InNames | None) -> list[str]:
    name, realm = ctx.job.replica.hostname, ctx.job.realm.name
    proofs = [f"{realm}: no server {name}, no segment with it, no enrolled host."]
    if names:
        proofs.append(f"{realm}: no service record and no name server of its zones is {name}.")
        proofs.append(_answered(ctx, names.said))
    if ctx.job.options.host_gone_reason:
        return [*proofs, f"{name} itself was not checked: the request says that it is gone."]
    return [*proofs, f"{name}: no server and no client of a realm is configured, and there is no bundle."]


def _answered(ctx: Context, said: Said) -> str:
    name = ctx.job.replica.hostname
    if said.silent:
        ctx.log(f"Silent, so that it is not known what they would say: {', '.join(said.silent)}", "warning")
    if said.asked:
        return f"No answer of {', '.join(said.asked)} leads clients to {name}."
    ctx.log(
        f"No name server was asked. Clients of {ctx.job.realm.domain} go on to {name} if it still has records such as:",
        "warning",
    )
    ctx.log("\n".join(str(record) for record in service_records(ctx.job)))
    return f"No name server was asked about {name}."

"""Replace what a server has of a suffix by what another server has."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from replicas.backends.freeipa import realm, topology
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.leftovers import directory_at
from replicas.backends.freeipa.replication import (
    DOMAIN,
    REFRESH,
    Agreement,
    address,
    code,
    required,
    root,
    working,
)
from replicas.backends.freeipa.steps.prove import ATTRIBUTE, PROOFS, crossing, entry
from replicas.clients.ldap import NO_SUCH_ATTRIBUTE, Directory, LdapRefused
from replicas.errors import DirectoryError, StepError, WrongPassword
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.convergence import REPLICATED_SECONDS
from replicas.lifecycle.steps.wording import duration

COMMAND = "topologysegment_reinitialize"
BEFORE = "initialized_before"
"""Fact: when the agreement's last initialization began before this run asked for one."""
DONE = "reinitialized"
BUSY = "replica busy"
"""Another server sends it changes at that moment; nobody tries again by itself."""
BUSY_SECONDS = 300.0
ASKS = 3
"""How often it is asked for when nothing begins: on a busy machine a wish that was taken was seen to be lost."""
BEGIN_SECONDS, LAST_SECONDS = 60.0, 3600.0
POLL_SECONDS, ASK_SECONDS = 0.5, 2.0


class Reinitialize(Step):
    """`topologysegment_reinitialize`, followed on the server that sends until it says how it ended.

    The segment's side that is named is the one that is replaced. Whoever takes over follows what was asked for; it is
    asked for again only when nothing begins, or when the replica was busy. Facts `initialized_before` and
    `reinitialized` (seconds). Raises StepError with the server's own words, DirectoryError.
    """

    key = "reinitialize"
    stage = "initialize"
    undoable = False

    def __init__(self, job: Job) -> None:
        self.title = f"Sending everything from {job.options.partner} to {job.replica.hostname} anew"

    def touches(self, job: Job) -> list[Touch]:
        name, partner, options = job.replica.hostname, job.options.partner, job.options
        return [
            Touch("agreement", f"{partner} -> {name}, {options.suffix}: a new initialization", job.realm.name),
            Touch("directory", f"everything below {root(job, options.suffix)}, replaced by what {partner} has", name),
        ]

    def lasting(self, job: Job) -> list[str]:
        return [
            f"Changes of the suffix {job.options.suffix} that {job.replica.hostname} has and {job.options.partner} has "
            "not are lost."
        ]

    async def done(self, ctx: Context) -> bool:
        return DONE in ctx.facts

    async def run(self, ctx: Context) -> None:
        partner, name = ctx.job.options.partner, ctx.job.replica.hostname
        begun = time.monotonic()
        where = await address(ctx, partner)
        async with directory_at(ctx, partner, where) as bound, counting(ctx, bound) as show:
            now = await self._agreement(ctx, bound)
            if BEFORE not in ctx.facts:
                await ctx.fact(BEFORE, now.begun)
            if now.begun == ctx.facts[BEFORE] and not now.initializing:
                await self._ask(ctx, bound)
            ended = await self._follow(ctx, bound, show)
            while BUSY in ended.init and time.monotonic() - begun < BUSY_SECONDS:
                ctx.log(f"{name} was busy with another server; asking again")
                await ctx.fact(BEFORE, ended.begun)
                await asyncio.sleep(ASK_SECONDS)
                await self._ask(ctx, bound)
                ended = await self._follow(ctx, bound, show)
        if code(ended.init) or "succeeded" not in ended.init:
            await ctx.fact(BEFORE, ended.begun)  # that one is over: who tries again asks for another one
            raise StepError(f"{partner} could not initialize {name}: {ended.init}", remedy(ctx.job))
        seconds = round(time.monotonic() - begun, 3)
        ctx.log(f"{name} has everything from {partner} after {duration(seconds)}")
        await ctx.fact(DONE, seconds)

    async def _agreement(self, ctx: Context, bound: Directory) -> Agreement:
        return await required(bound, root(ctx.job, ctx.job.options.suffix), ctx.job.replica.hostname)

    async def _ask(self, ctx: Context, bound: Directory) -> None:
        """Raises StepError without the segment, and when it cannot be asked."""
        name, partner, suffix = ctx.job.replica.hostname, ctx.job.options.partner, ctx.job.options.suffix
        async with session(ctx) as opened:
            found = await topology.segment(opened, suffix, name, partner)
            if found is None:
                raise StepError(
                    f"{name} has no segment of the suffix {suffix} with {partner} any more.", "Choose another server."
                )
            side = "left" if found.left == name else "right"
            chosen = (suffix, found.name)
            if not (await opened.call(COMMAND, *chosen, **{side: True})).changed:
                if await self._begins(ctx, bound):
                    ctx.log(f"{partner} has begun with what was asked for before")
                    return
                await _forget(ctx, found, "right" if side == "left" else "left")
                if not (await opened.call(COMMAND, *chosen, **{side: True})).changed:
                    raise StepError(f"{opened.server} does not take a new wish for {found.name}.", "Try again.")
        ctx.log(f"Asked {partner} to send everything below {root(ctx.job, suffix)}: the {side} node of {found.name}")

    async def _begins(self, ctx: Context, bound: Directory) -> bool:
        """Whether it begins within a moment."""
        await asyncio.sleep(ASK_SECONDS)
        now = await self._agreement(ctx, bound)
        return now.begun != ctx.facts[BEFORE] or now.initializing

    async def _follow(self, ctx: Context, bound: Directory, show: Callable[[], Awaitable[None]]) -> Agreement:
        """The agreement once it is over. Raises StepError when it does not begin, or does not end."""
        started, told, asks = time.monotonic(), "", 1
        # A wish reaches another server than the master by replication; asked for twice, it would be done twice.
        near = bound.hostname == ctx.job.master.hostname
        patience = BEGIN_SECONDS if near else REPLICATED_SECONDS
        while True:
            now = await self._agreement(ctx, bound)
            begun = now.begun != ctx.facts[BEFORE]
            if begun and now.init != told:
                told = now.init
                ctx.log(f"{bound.hostname} says: {told}")
            if begun and not now.initializing:
                return now
            waited = time.monotonic() - started
            begins = begun or now.initializing
            if not begins and asks < ASKS and waited > asks * patience:
                ctx.log(f"Nothing has begun after {waited:.0f} s; asking again", "warning")
                await self._ask(ctx, bound)
                asks += 1
            elif waited > (LAST_SECONDS if begins else ASKS * patience):
                what = "is not finished" if begun else "has not begun"
                told = f"The initialization {what} after {waited:.0f} s. {bound.hostname} says: {now.init or 'nothing'}"
                raise StepError(told, remedy(ctx.job))
            await show()
            await asyncio.sleep(POLL_SECONDS)


async def _forget(ctx: Context, found: realm.Segment, side: str) -> None:
    """Take from the segment what an earlier one was asked for with; the server that has it does nothing more with it.

    The initialized server does so some 20 s after its end, and nobody when there was none. The command's own `stop` is
    something else: it ends replication with the agreement until the Directory Server is started anew.
    """
    entry = f"cn={found.name},cn={found.suffix},cn=topology,cn=ipa,cn=etc,{ctx.job.realm.suffix}"
    async with directory_at(ctx, ctx.job.master.hostname, ctx.job.master.address) as bound:
        try:
            await bound.modify(entry, ("delete", f"{REFRESH};{side}", []))
        except LdapRefused as error:
            if error.code != NO_SUCH_ATTRIBUTE:  # it is gone by now
                raise


class ProveArrives(Step):
    """A write on the server that sent is seen on the other one; in another suffix than `domain`, updates meet no error.

    The write is the description of the host's own entry, which is put back. Fact `proofs`. Raises StepError,
    DirectoryError.
    """

    key = "prove-arrives"
    title = "Proving that changes arrive at the replica"
    stage = "verify"

    def touches(self, job: Job) -> list[Touch]:
        if job.options.suffix != DOMAIN:
            return [Touch("read", f"the agreement with {job.replica.hostname}", job.options.partner)]
        return [Touch("directory", f"{ATTRIBUTE} of {entry(job)}, put back", job.realm.name)]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(PROOFS))

    async def run(self, ctx: Context) -> None:
        proof = await prove_arrives(ctx, ctx.job.options.partner, ctx.job.replica.hostname)
        ctx.log(proof)
        await ctx.fact(PROOFS, [proof])


async def prove_arrives(ctx: Context, supplier: str, consumer: str) -> str:
    """A sentence. Raises StepError, DirectoryError."""
    suffix = ctx.job.options.suffix
    async with contextlib.AsyncExitStack() as stack:
        ends = [
            await stack.enter_async_context(directory_at(ctx, name, await address(ctx, name)))
            for name in (supplier, consumer)
        ]
        if suffix == DOMAIN:
            there, _ = await crossing(ctx, entry(ctx.job), *ends)
            told = f"A write on {supplier} was on {consumer} after {duration(there)}"
        else:
            told = f"{supplier} meets no error on {consumer}"
        found = await working(ctx, ends[0], suffix, consumer, met=suffix == DOMAIN)
        return f"{told}; its agreement for {suffix} says: {found.update}."


def remedy(job: Job) -> str:
    log = f"/var/log/dirsrv/slapd-{job.instance}/errors"
    return f"See {log} on {job.options.partner} and on {job.replica.hostname}, then try again."


@contextlib.asynccontextmanager
async def counting(ctx: Context, sender: Directory) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """What shows the entries sent of entries there, by the operations that the receiver completes; best effort.

    The connection is made before the receiver is emptied, and with it the account that it is bound as.
    """
    name, total = ctx.job.replica.hostname, await _entries(sender, root(ctx.job, ctx.job.options.suffix))
    async with contextlib.AsyncExitStack() as stack:
        try:
            receiver = await stack.enter_async_context(directory_at(ctx, name, ctx.job.replica.address))
            before = await _completed(receiver)
        except (DirectoryError, WrongPassword):
            total = 0

        async def show() -> None:
            with contextlib.suppress(DirectoryError):
                if total:
                    ctx.progress(min(max(await _completed(receiver) - before, 0), total), total, "entries")

        yield show


async def _entries(bound: Directory, suffix: str) -> int:
    """Each entry is counted by its parent; none when the account may not know."""
    try:
        found = await bound.search(suffix, "(numSubordinates>=1)", ["numSubordinates"])
    except DirectoryError:
        return 0
    return sum(int(entry["numSubordinates"][0]) for _, entry in found if entry.get("numSubordinates"))


async def _completed(bound: Directory) -> int:
    entry = await bound.get("cn=monitor", ["opscompleted"]) or {}
    return int(entry.get("opscompleted", ["0"])[0])

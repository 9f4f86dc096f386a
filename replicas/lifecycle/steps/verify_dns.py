"""Verify that clients can discover the replica: every record, at every name server (guide, step 5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence

from replicas.clients import dns
from replicas.clients.dns import Absent, NameServer
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.convergence import converged
from replicas.lifecycle.steps.zones import Placed, place
from replicas.together import together

SERVED_SECONDS = 15.0
POLL_SECONDS = 0.2
UNSERVED = "records_unserved"
BY_HAND = (
    "The realm has no DNS of its own, so each DNS entry has to be added by hand, both TCP and UDP entries for some "
    "services. In the zone file of your name server:"
)


class VerifyRecords(Step):
    """Ask every name server of the zone directly for exactly these records.

    Fact `missing_records`: what is missing in its zone, as zone-file lines; empty when all is well. A name server that
    is out of date or does not answer is a warning. In a realm without DNS nothing is asked, and the lines are those to
    add by hand. `strict` makes a missing record an error instead of a warning; the fact is there then too, so that
    people see what to add, and `records_unserved` says that this was not the end. `server` is the address of a name
    server of the realm, where the master is none. `replicated`: the zones are in a directory, by whose replication name
    servers get their changes, the primary one included; so what it lacks is waited for as long as any change.
    """

    key = "verify-dns"
    stage = "verify"

    def __init__(
        self, records: tuple[Record, ...], strict: bool = False, server: str = "", replicated: bool = False
    ) -> None:
        self.records, self.strict, self.server, self.replicated = records, strict, server, replicated
        self.title = "Verifying the DNS entries of the replica"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("read", str(record), job.realm.name) for record in self.records] if job.realm.dns else []

    async def done(self, ctx: Context) -> bool:
        return "missing_records" in ctx.facts and not ctx.facts.get(UNSERVED)

    async def run(self, ctx: Context) -> None:
        if not ctx.job.realm.dns:
            ctx.log(BY_HAND)
            ctx.log("\n".join(map(str, self.records)))
            await ctx.fact("missing_records", [str(record) for record in self.records])
            return
        placed = await place(self.server or ctx.job.master.address, self.records)
        late = await _settled(placed)
        if self.replicated and any(not one.cause for one in late) and await _missing(placed, late):
            late = await _replicated(ctx, placed)
        await _show(ctx, placed, {one.server for one in late if one.cause})
        missing = await _missing(placed, late)
        lines = list(dict.fromkeys(str(one.record) for one in missing))
        if self.strict and missing:
            await ctx.fact(UNSERVED, True)
        await ctx.fact("missing_records", list(lines))
        self._report(ctx, late, lines)
        if ctx.facts.get(UNSERVED):
            await ctx.fact(UNSERVED, False)

    def _report(self, ctx: Context, late: list[Absent], lines: list[str]) -> None:
        for one in late:
            ctx.log(str(one), "error" if self.strict and str(one.record) in lines else "warning")
        if not late:
            ctx.log(f"All {len(self.records)} records are served by every name server.")
        elif not lines:
            ctx.log(f"All {len(self.records)} records are in their zones; these name servers are out of date or away.")
        elif self.strict:
            told = "; ".join(str(one) for one in late if str(one.record) in lines)
            raise DnsError(f"These DNS records are not served: {told}.", "Add the missing records, and verify again.")
        else:
            ctx.log("To be added:\n" + "\n".join(lines), "warning")


async def _missing(placed: Sequence[Placed], late: Sequence[Absent]) -> list[Placed]:
    return [one for one in placed if await _is_missing(one, late)]


async def _is_missing(one: Placed, late: Sequence[Absent]) -> bool:
    """Return whether the record has to be added: its primary name server lacks it, or nobody serves it.

    Another name server that lacks it has to get the changes of the zone, and one that does not answer says nothing.
    """
    lacking = [absent for absent in late if absent.record == one.record]
    if not lacking:
        return False
    first = await dns.served(NameServer(one.zone.primary, (one.zone.primary,)), one.record)
    if first is None or not first.cause:
        return first is not None
    return len(lacking) == len(one.zone.servers)


async def _settled(placed: Sequence[Placed]) -> list[Absent]:
    """What is not served, once all that answer serve all or a while has passed.

    A new name server takes its first transfer then.
    """
    end = time.monotonic() + SERVED_SECONDS
    while True:
        late = await _absent(placed)
        if all(one.cause for one in late) or time.monotonic() > end:
            return late
        await asyncio.sleep(POLL_SECONDS)


async def _absent(placed: Sequence[Placed]) -> list[Absent]:
    found = await together(*(dns.absent(one.zone.servers, [one.record]) for one in placed))
    return [one for some in found for one in some]


async def _replicated(ctx: Context, placed: Sequence[Placed]) -> list[Absent]:
    """Return what is not served, once nothing is missing any more or a change would have arrived."""

    async def attempt() -> list[Absent]:
        late = await _absent(placed)
        if missing := await _missing(placed, late):
            raise StepError(f"«{missing[0].record}» has not reached {missing[0].zone.primary}.")
        return late

    try:
        return await converged(ctx, attempt)
    except StepError:
        return await _absent(placed)


async def _show(ctx: Context, placed: Sequence[Placed], silent: Collection[NameServer]) -> None:
    """Log what each name server answers, in the style of dig, but for those that could not be asked."""
    asked = {
        (server, one.record.name, one.record.type): None
        for one in placed
        for server in one.zone.servers
        if server not in silent
    }
    for server in dict.fromkeys(server for server, _, _ in asked):
        ctx.log(f"Answers of {server.name}")
        for name, kind in [(name, kind) for other, name, kind in asked if other == server]:
            for record in await answer(server, name, kind) or ():
                ctx.log(f"{record.name} {record.ttl}\tIN\t{record.type}\t{record.value}")


async def answer(server: NameServer, name: str, kind: str) -> tuple[Record, ...] | None:
    """Return the records that a name server has, by the first of its addresses that answers; None when none does."""
    for address in server.addresses:
        try:
            return await dns.stored(address, name, kind)
        except DnsError:
            continue  # The next address may answer; that none does is among what is missing, with the cause.
    return None

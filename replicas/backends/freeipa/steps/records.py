"""Add the host's records to the realm's zones."""

from __future__ import annotations

from collections.abc import Mapping

from replicas.backends.freeipa import zones
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.zones import Placed
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import JSON, Job

ADDED = "host-records-added"


class AddHostRecords(Step):
    """A, AAAA and PTR by the realm's interface; a record that is there already is fine, another one is refused.

    What will be added is noted first (fact `host-records-added`), and undo takes away exactly that. Raises DnsError,
    FreeIpaError.
    """

    key = "host-records"
    stage = "prepare"
    undo_title = "Removing the DNS records of the host that were added"

    def __init__(self, records: tuple[Record, ...]) -> None:
        self.records = records
        self.title = f"Adding DNS records for {records[0].name.rstrip('.') if records else 'the replica'}"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("record", str(record), job.realm.name) for record in self.records]

    def undo_touches(self, job: Job) -> list[Touch]:
        return [Touch("record", f"{record}, if the portal added it", job.realm.name) for record in self.records]

    async def done(self, ctx: Context) -> bool:
        async with session(ctx) as opened:
            known = await zones.names(opened)
            return all([await zones.there(opened, one, known) for one in self._place(ctx, known)])

    async def run(self, ctx: Context) -> None:
        async with session(ctx) as opened:
            known = await zones.names(opened)
            placed = await zones.refuse_others(opened, self._place(ctx, known), self.records, known)
            await _note(ctx, [one for one in placed if not await zones.there(opened, one, known)])
            for number, one in enumerate(placed, start=1):
                if one.record.type == "PTR":
                    ctx.log(f"Using reverse zone {one.zone}.")
                added = await zones.add(opened, one)
                ctx.log(f"Added {one.record}" if added else f"Already there: {one.record}")
                ctx.progress(number, len(placed), "records")

    async def undo_realm(self, ctx: Context) -> None:
        added, removed = _noted(ctx), 0
        if added:
            async with session(ctx) as opened:
                for one in added:
                    if await zones.remove(opened, one):
                        ctx.log(f"Removed {one.record}")
                        removed += 1
        if not removed:
            ctx.log("None of the records that were added is there" if added else "No record was added")

    def _place(self, ctx: Context, known: list[str]) -> list[Placed]:
        return [zones.place(record, known, ctx.job.options.reverse_zone) for record in self.records]


async def _note(ctx: Context, new: list[Placed]) -> None:
    known = ctx.facts.get(ADDED)
    facts: list[JSON] = list(known) if isinstance(known, list) else []
    for one in new:
        fact: JSON = {
            "name": one.record.name,
            "type": one.record.type,
            "value": one.record.value,
            "zone": one.zone,
            "at": one.name,
        }
        if fact not in facts:
            facts.append(fact)
    await ctx.fact(ADDED, facts)


def _noted(ctx: Context) -> list[Placed]:
    facts = ctx.facts.get(ADDED)
    return [_recorded(one) for one in facts if isinstance(one, dict)] if isinstance(facts, list) else []


def _recorded(fact: Mapping[str, JSON]) -> Placed:
    name, kind, value, zone, at = (str(fact[key]) for key in ("name", "type", "value", "zone", "at"))
    return Placed(Record(name, kind, value), zone, at)

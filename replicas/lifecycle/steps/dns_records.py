"""Add DNS records by signed updates, and wait until every name server serves them (guide, steps 1 and 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from replicas.clients import dns, dns_update
from replicas.clients.dns_update import Key
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import JSON, Job
from replicas.lifecycle.steps.zones import Placed, changeable, place, read_key, require_no_alias, served, stuck
from replicas.together import together

SERVED_SECONDS = 30.0


class AddRecords(Step):
    """The host's own records: A, AAAA and, unless the request says otherwise, PTR.

    What will be added is recorded before it is (fact `KEY-added`: zone-file lines with their zones and primaries), so
    that `undo` takes away exactly that, wherever the step was interrupted.
    """

    key = "host-records"
    stage = "prepare"

    def __init__(self, records: tuple[Record, ...], title: str = "") -> None:
        self.records = records
        self.title = title or f"Adding DNS records for {records[0].name.rstrip('.') if records else 'the replica'}"
        self.undo_title = "Removing the DNS records of the host that were added"

    def wanted(self, job: Job) -> tuple[Record, ...]:
        return tuple(one for one in self.records if one.type != "PTR" or not job.options.no_reverse)

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("record", str(record), job.realm.name) for record in self.wanted(job)]

    def undo_touches(self, job: Job) -> list[Touch]:
        return [Touch("record", f"{record}, if the portal added it", job.realm.name) for record in self.wanted(job)]

    async def done(self, ctx: Context) -> bool:
        return await served(await self._place(ctx, await read_key(ctx, await ctx.host("master"))))

    async def run(self, ctx: Context) -> None:
        key = await read_key(ctx, await ctx.host("master"))
        placed = await self._place(ctx, key)
        for zone in dict.fromkeys(one.zone.name for one in placed if one.record.type == "PTR"):
            ctx.log(f"Using reverse zone {zone}")
        new = [one for one in placed if not await self._is_there(one)]
        await self._remember(ctx, new)
        for number, one in enumerate(placed, start=1):
            await self._add(ctx, one, key)
            ctx.progress(number, len(placed), "records")
        await wait_until_served(ctx, placed)

    async def undo_realm(self, ctx: Context) -> None:
        """Exactly what was added; another record of the same name stays."""
        added = self._added(ctx)
        removed = 0
        if within := await self._within_reach(ctx, added):
            key = await read_key(ctx, await ctx.host("master"))
            for fact in within:
                removed += await self._remove(ctx, str(fact["primary"]), str(fact["zone"]), recorded(fact), key)
        if not removed:
            ctx.log("None of the records that were added is there" if added else "No record was added")

    async def _within_reach(self, ctx: Context, added: list[dict[str, JSON]]) -> list[dict[str, JSON]]:
        """All of them, where each zone is changed now; not those that only a lost master could take away."""
        lost, found = ctx.job.options.instead_of, list[dict[str, JSON]]()
        if not (lost and added):
            return added
        key = await read_key(ctx, await ctx.host("master"))
        for fact in added:
            zone = str(fact["zone"])
            if await stuck(ctx, zone):
                ctx.log(f"Left in {zone}, which only {lost} could change: {recorded(fact)}", "warning")
            else:
                found.append({**fact, "primary": await changeable(ctx.job.master.address, zone, key)})
        return found

    async def _remove(self, ctx: Context, primary: str, zone: str, record: Record, key: Key) -> bool:
        removed = await dns_update.remove(primary, zone, record, key)
        if removed:
            ctx.log(f"Removed {record}")
        return removed

    def _added(self, ctx: Context) -> list[dict[str, JSON]]:
        """What this replica's runs have added, as `_remember` wrote it down."""
        facts = ctx.facts.get(f"{self.key}-added")
        return [fact for fact in facts if isinstance(fact, dict)] if isinstance(facts, list) else []

    async def _place(self, ctx: Context, key: Key | None = None) -> tuple[Placed, ...]:
        return await place(ctx.job.master.address, self.wanted(ctx.job), ctx.job.options.reverse_zone, key)

    async def _is_there(self, one: Placed) -> bool:
        """Whether the primary has it. Raises DnsError for a conflict, while nothing has been changed yet."""
        require_no_alias(one)
        there = await dns.stored(one.zone.primary, one.record.name, one.record.type)
        dns_update.refuse_conflicts(one.zone.name, there, one.record, self.records)
        return any(dns.same(record, one.record) for record in there)

    async def _remember(self, ctx: Context, new: list[Placed]) -> None:
        facts: list[JSON] = list(self._added(ctx))
        for one in new:
            record = one.record
            fact: JSON = {
                "name": record.name,
                "type": record.type,
                "value": record.value,
                "ttl": record.ttl,
                "zone": one.zone.name,
                "primary": one.zone.primary,
            }
            if fact not in facts:
                facts.append(fact)
        await ctx.fact(f"{self.key}-added", facts)

    async def _add(self, ctx: Context, one: Placed, key: Key) -> None:
        added = await dns_update.add(one.zone.primary, one.zone.name, one.record, key, self.records)
        ctx.log(f"Added {one.record}" if added else f"Already there: {one.record}")


class AddMissingRecords(AddRecords):
    """The records of the replica's services that the zone lacks."""

    key = "service-records"
    stage = "verify"

    def __init__(self, records: tuple[Record, ...], title: str = "") -> None:
        super().__init__(records, title or "Adding DNS records of the services")
        self.undo_title = "Removing the DNS records of the services"

    def undo_touches(self, job: Job) -> list[Touch]:
        return [Touch("record", str(record), job.realm.name) for record in self.records]

    async def undo_realm(self, ctx: Context) -> None:
        """What was added, and what others added for the same services: clients would be sent to a host that is gone."""
        await super().undo_realm(ctx)
        if await stuck(ctx, ctx.job.realm.domain):
            ctx.log(f"Service records in {ctx.job.realm.domain}, which is out of reach, were not looked for", "warning")
            return
        key = await read_key(ctx, await ctx.host("master"))
        for one in await self._place(ctx, key):
            for record in await dns.stored(one.zone.primary, one.record.name, one.record.type):
                if names(record, ctx.job.replica.hostname):
                    await self._remove(ctx, one.zone.primary, one.zone.name, record, key)


async def wait_until_served(ctx: Context, placed: Sequence[Placed], seconds: float = SERVED_SECONDS) -> None:
    """Wait for the name servers of each record; one that is out of date or does not answer is a warning.

    Raises DnsError when no name server serves a record.
    """
    waits = (dns.wait_until_served(one.zone.servers, one.record, seconds, one.zone.primary) for one in placed)
    missing = [absent for several in await together(*waits) for absent in several]
    late = {absent.server.name: str(absent) for absent in missing}
    for text in late.values():
        ctx.log(f"{text}. It gets the records when it works again.", "warning")
    names = sorted({server.name for one in placed for server in one.zone.servers} - set(late))
    if late:
        primaries = ", ".join(sorted({one.zone.primary for one in placed}))
        ctx.log(f"Served by {', '.join(names) or f'the primary name server ({primaries})'}")
    else:
        ctx.log(f"Served by every name server: {', '.join(names)}")


def names(record: Record, hostname: str) -> bool:
    """Whether a service record leads to the host."""
    return record.value.split()[-1].rstrip(".").lower() == hostname


def recorded(fact: Mapping[str, JSON]) -> Record:
    """A record as facts have it."""
    return Record(str(fact["name"]), str(fact["type"]), str(fact["value"]), int(str(fact["ttl"])))


class InstallRecords(AddMissingRecords):
    """The same as a part of an installation, between others of that stage."""

    stage = "install"

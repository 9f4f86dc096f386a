"""The replica among the name servers of each zone that it serves: what is missing is added, and all is verified."""

from __future__ import annotations

from replicas.backends.native.places import noted
from replicas.backends.native.steps.nameserver import ADDED
from replicas.backends.native.zones import of_master
from replicas.clients import dns, dns_update
from replicas.errors import DnsError
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.name_server_records import name_server_records, of_request
from replicas.lifecycle.steps.verify_dns import VerifyRecords
from replicas.lifecycle.steps.zones import home, place, read_key
from replicas.together import together

DONE = "name_server_records_added"


async def expected(ctx: Context, host: str, address: str) -> tuple[Record, ...]:
    """Return the NS records that should name the host: in the zone of the realm's domain, and in others that it serves.

    Raises DnsError.
    """
    domain = await home(ctx, ctx.job.realm.domain)
    zones = [dns.absolute(zone) for zone in noted(ctx, ADDED) or await of_master(ctx)]
    others = [zone for zone in dict.fromkeys(zones) if zone != domain]
    serving = await together(*(_serves(address, zone) for zone in others))
    return name_server_records(host, [domain, *(zone for zone, does in zip(others, serving, strict=True) if does)])


async def _serves(address: str, zone: str) -> bool:
    """Tell whether the server has a copy of the zone; one that does not answer has none that could be missed."""
    try:
        return await dns.zone_of(address, zone) == zone
    except DnsError:
        return False


class AddNameServerRecords(Step):
    """Add the NS records of the replica that its zones lack. Raises DnsError, HostError."""

    key = "name-server-records"
    title = "Adding NS records for the replica"
    stage = "verify"

    def touches(self, job: Job) -> list[Touch]:
        return [
            *(Touch("record", str(record), job.realm.name) for record in of_request(job)),
            Touch("record", "the same in each other zone that it serves", job.realm.name),
        ]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(DONE))

    async def run(self, ctx: Context) -> None:
        replica = ctx.job.replica
        placed = await place(ctx.job.master.address, await expected(ctx, replica.hostname, replica.address))
        key = await read_key(ctx, await ctx.host("master"))
        for one in placed:
            added = await dns_update.add(one.zone.primary, one.zone.name, one.record, key)
            ctx.log(f"Added {one.record}" if added else f"Already there: {one.record}")
        await ctx.fact(DONE, True)


class VerifyReplicaRecords(VerifyRecords):
    """Verify the service records, and the NS records where the replica is a name server, on every name server."""

    async def run(self, ctx: Context) -> None:
        job, records = ctx.job, self.records
        if job.realm.dns and job.options.setup_dns:
            served = await expected(ctx, job.replica.hostname, job.replica.address)
            records = tuple(dict.fromkeys([*records, *served]))
        await VerifyRecords(records, self.strict, self.server).run(ctx)

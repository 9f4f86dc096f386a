"""Verify that clients find the replica: the records that the realm expects, at every name server."""

from __future__ import annotations

from replicas.backends.freeipa import announcing, health, name_servers, realm, records, serving, zones
from replicas.backends.freeipa.access import session
from replicas.clients.freeipa.session import Session
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.convergence import converged
from replicas.lifecycle.steps.name_server_records import name_server_records
from replicas.lifecycle.steps.verify_dns import VerifyRecords

MISSING = "missing_records"


class VerifySystemRecords(VerifyRecords):
    """What `dns_update_system_records` would write (dry run) is compared with what name servers say.

    Fact `missing_records`, as VerifyRecords has it. What a name server lacks the realm writes once more: installers
    delete records of all servers and add them again within the second, which a name server can lose. Where no server
    of the realm has the DNS role, the records are those to add by hand. Raises DnsError (with `strict`), FreeIpaError.
    """

    def touches(self, job: Job) -> list[Touch]:
        if self.strict or not job.realm.dns:
            return super().touches(job)
        return [*super().touches(job), announcing.mended(job)]

    async def run(self, ctx: Context) -> None:
        host = ctx.job.replica.hostname
        if not ctx.job.realm.dns:
            await super().run(ctx)
            return
        async with session(ctx) as opened:
            if ctx.job.action == "install":  # what is expected of a server follows from the roles the master knows of
                await converged(ctx, lambda: serving.require_roles(opened, ctx.job))
            wanted = await converged(ctx, lambda: _expected(ctx, opened))
            servers = (await realm.role_holders(opened))["DNS"]
            named = name_server_records(host, await zones.names(opened)) if host in servers else ()
        if not wanted:
            ctx.log(f"{host} is hidden: no record leads to it")
            await ctx.fact(MISSING, [])
            return
        if not servers:
            await self._by_hand(ctx, wanted)
            return
        if not self.strict:
            async with session(ctx) as opened:
                await announcing.mend(ctx, opened, wanted)
        asked = await announcing.name_server(ctx, servers)
        await VerifyRecords((*wanted, *named), self.strict, asked, replicated=True).run(ctx)

    async def _by_hand(self, ctx: Context, wanted: tuple[Record, ...]) -> None:
        lines = [str(record) for record in wanted]
        ctx.log(f"No server of {ctx.job.realm.name} serves its zones. Whoever does has to have these:", "warning")
        ctx.log("\n".join(lines))
        await ctx.fact(MISSING, list(lines))


async def _expected(ctx: Context, opened: Session) -> tuple[Record, ...]:
    """Return the records that the realm expects of the replica; none of a hidden one. Raises StepError."""
    host, options = ctx.job.replica.hostname, ctx.job.options
    found = await _answered(
        opened, await records.expected(opened, host, (ctx.job.replica.address, *options.ip_addresses))
    )
    if not (found or options.hidden_replica):
        raise StepError(
            f"{ctx.job.realm.name} expects no record of {host}.",
            f'See "ipa server-role-find --server {host}": a server is announced once its services are enabled.',
        )
    return found


async def _answered(opened: Session, wanted: tuple[Record, ...]) -> tuple[Record, ...]:
    """Those that name servers answer with: one in a location has an alias for each of the others."""
    if not any(health.LOCATIONS in record.name for record in wanted) or not health.aliased(await realm.servers(opened)):
        return wanted
    return tuple(record for record in wanted if health.LOCATIONS in record.name or records.shared(record))


class UpdateSystemRecords(Step):
    """Have the realm write the service records that are missing, and add NS records. Raises FreeIpaError, DnsError."""

    key = "service-records"
    title = "Having the realm add the DNS records of its services"
    stage = "verify"

    def touches(self, job: Job) -> list[Touch]:
        every = f"service records of every server of {job.realm.name}, as the realm keeps them"
        own = f"NS records of {job.replica.hostname}, if it is a name server, where they are missing"
        return [Touch("record", every, job.realm.name), Touch("record", own, job.realm.name)]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get("records_updated"))

    async def run(self, ctx: Context) -> None:
        async with session(ctx) as opened:
            await announcing.update(ctx, opened)
            await name_servers.add(ctx, opened, ctx.job.replica.hostname)
        await ctx.fact("records_updated", True)

"""What the realm's DNS holds a replica up with: read-only pre-flight checks at the master's name server.

Each check returns what it found, or raises DnsError or StepError with what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from replicas.backends.native import zone_files, zones
from replicas.backends.native.access import directory
from replicas.backends.native.names import TSIG_KEY, Names
from replicas.backends.native.steps.nameserver import name_server
from replicas.backends.native.topology import masters
from replicas.clients import dns, dns_update
from replicas.clients.dns_update import Key
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Context, Record
from replicas.lifecycle.steps import name_checks, name_servers
from replicas.lifecycle.steps.host_records import host_records
from replicas.lifecycle.steps.zones import Placed, aliased, changeable, home, place, read_key, stuck

WITHOUT = "{realm} has no DNS of its own"


async def alias(ctx: Context) -> str:
    """The replica's name is not an alias: that of a host has address records. Raises DnsError, StepError."""
    job, name = ctx.job, f"{ctx.job.replica.hostname}."
    location = await dns.locate(job.master.address, name) if job.realm.dns else dns.Location(name)
    if location.alias:
        raise aliased(name, location.alias.record, location.alias.target)
    # Records that the run adds take the place of what a wildcard answers now.
    if not (location.zone and job.options.ip_addresses):
        await name_checks.require_no_alias(ctx)
    return f"{job.replica.hostname} is not an alias"


async def placed(ctx: Context) -> str:
    """There is a zone for each record, and its primary name server lets the realm's key change it.

    Raises DnsError, StepError.
    """
    found = await _placed(ctx)
    if not found:
        return WITHOUT.format(realm=ctx.job.realm.name)
    names = sorted({one.zone.name for one in found})
    await zone_files.require_writable(ctx, names)
    return f"Zones that the run changes: {', '.join(name.rstrip('.') for name in names)}"


async def alive(ctx: Context) -> str:
    """Every name server of the zones that the run changes answers, and every zone has one. Raises StepError."""
    try:
        found = await _placed(ctx)
    except DnsError:  # The check of the zones has the cause; the zone of the realm's domain may be well.
        found = await _placed(ctx, only_domain=True)
    if not found:
        return WITHOUT.format(realm=ctx.job.realm.name)
    if ctx.job.options.setup_dns:
        key = await read_key(ctx, await ctx.host("master"))
        shared = await zones.shared(ctx, key)
        await _require_transfers(ctx, shared.zones, key)
        if skipped := shared.skipped:
            told = "; ".join(f"{zone} ({cause.rstrip('.')})" for zone, cause in skipped.items())
            raise StepError(
                f"The replica will not serve these zones of {ctx.job.master.hostname}: {told}.",
                "If it should, see that the realm's key may change them at their primary name server.",
            )
    return await name_servers.require_alive(one.zone for one in found)


async def _require_transfers(ctx: Context, wanted: Iterable[str], key: Key) -> None:
    """Raises StepError, DnsError for zones that their primary name server does not let the replica copy."""

    refused = []
    # One after the other, as name servers limit the transfers at a time (transfers-out).
    for zone in wanted:
        primary = await changeable(ctx.job.master.address, zone, key)
        if not await dns_update.transfers(primary, zone, key):
            refused.append(f"{zone.rstrip('.')} ({primary})")
    if refused:
        raise StepError(
            f"Name servers refuse to transfer zones with the key {key.name}: {', '.join(refused)}.",
            f'The replica copies zones that way: see that these have "allow-transfer {{ key {key.name}; }};". Where '
            f"addresses are allowed instead, see that those of {ctx.job.replica.hostname} are among them.",
        )


async def _placed(ctx: Context, only_domain: bool = False) -> tuple[Placed, ...]:
    """Return the records of the plan with their zones; none where the realm has no DNS that could be changed."""
    job = ctx.job
    master = await ctx.host("master")
    if not job.realm.dns or not await master.exists(TSIG_KEY):
        return ()
    records = [Record(f"{job.realm.domain}.", "NS", f"{job.replica.hostname}.")]
    if job.action == "install" and not only_domain:
        records += host_records(job)
    key = await read_key(ctx, master)
    return await place(job.master.address, tuple(records), job.options.reverse_zone, key)


async def removable(ctx: Context) -> str:
    """The zones that name the replica can be changed. Raises DnsError, StepError."""
    job = ctx.job
    if not job.realm.dns:
        return WITHOUT.format(realm=job.realm.name)
    master, found = await ctx.host("master"), []
    if not await master.exists(TSIG_KEY):
        return f"{master.name} is not a name server"
    key, own = await read_key(ctx, master), await home(ctx, job.realm.domain)
    for zone in await zones.of_master(ctx):
        record = name_server(job, zone)
        named = any(dns.same(one, record) for one in await dns.lookup(job.master.address, zone, "NS"))
        if (named or zone == own) and not await stuck(ctx, zone):
            await changeable(job.master.address, zone, key)
            found.append(zone.rstrip("."))
    await zone_files.require_writable(ctx, found)
    return f"Zones that can be changed: {', '.join(found) or 'none has to be'}"


async def name_in_dns(ctx: Context) -> str:
    """No record of the name or the addresses contradicts those that the run adds. Raises DnsError, StepError."""
    job = ctx.job
    if not (job.realm.dns and job.options.ip_addresses):
        return "No address records are made"
    server, name = job.master.address, f"{job.replica.hostname}."
    wanted = {str(ip_address(text)) for text in job.options.ip_addresses}
    for kind in ("A", "AAAA"):
        for record in await dns.stored(server, name, kind):
            if record.name == name and record.value not in wanted:
                raise StepError(
                    f"{job.replica.hostname} has the address {record.value} in the DNS already, which is not "
                    "requested.",
                    f'Remove the record "{record}" if it is out of date: clients would try that address.',
                )
    for address in sorted(wanted):
        for record in await _pointers(server, address):
            if record.value != name:
                raise StepError(
                    f"{address} is the address of {record.value} by its PTR record.",
                    f'Remove the record "{record}" if {job.replica.hostname} takes the address over.',
                )
    return f"Nothing in the DNS contradicts {job.replica.hostname}"


async def _pointers(server: str, address: str) -> tuple[Record, ...]:
    """The stored PTR records of an address; none when the server has no zone for it."""
    try:
        return await dns.stored(server, dns.reverse_name(address), "PTR")
    except DnsError:
        return ()


async def forwarder_loops(ctx: Context) -> str:
    """No forwarder is a server of the realm. Raises StepError."""
    if not ctx.job.options.forwarders:
        return "No forwarders"
    async with directory(ctx, "master") as bound:
        known = await masters(bound, Names(ctx.job))
    return await name_checks.forwarder_loops(ctx, known)

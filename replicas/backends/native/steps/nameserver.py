"""The name server of the replica (--setup-dns, ipa-dns-install)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from ipaddress import ip_address

from replicas.backends.native import zones
from replicas.backends.native.access import directory, ensure, render
from replicas.backends.native.names import TSIG_KEY, ZONES, Names
from replicas.backends.native.places import KEPT, NEW, Placed, keep, noted, put, restore
from replicas.backends.native.units import active, bring_back, start, stop
from replicas.clients import dns, dns_update
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps.dns_records import wait_until_served
from replicas.lifecycle.steps.leftovers import discard
from replicas.lifecycle.steps.zones import Placed as PlacedRecord
from replicas.lifecycle.steps.zones import changeable, home, place, read_key, served, stuck

RESOLVER = "/etc/resolv.conf"
OPTIONS = "/etc/bind/named.conf.options"
TRANSFER_SECONDS = 30.0
POLL_SECONDS = 0.05
ADDED = "name_server_zones"
READY = "name_server_ready"


class ConfigureNameServer(Step):
    """BIND as a secondary of all the realm's zones, and an NS record for it in each of them.

    The records come last: whoever finds them, this run's own earlier steps included, asks the replica at once. Fact
    `name_server_zones`: the zones that got one. Undo takes the records away, has the host ask whom it asked before, and
    stops the name server.
    Raises DnsError, StepError, CommandFailed.
    """

    key = "configure-dns"
    title = "Configuring DNS (named)"
    stage = "install"
    undo_title = "Ending name service on the replica"

    def touches(self, job: Job) -> list[Touch]:
        options = job.options
        forwarders = (
            f"forward {options.forward_policy} to {', '.join(options.forwarders)}"
            if options.forwarders
            else "no forwarders"
        )
        replica = job.replica.hostname
        return [
            Touch("file", f"{OPTIONS} ({forwarders})", replica),
            *(Touch("file", path, replica) for path in (ZONES, TSIG_KEY, RESOLVER)),
            Touch("service", "named", replica),
            Touch("port", "TCP and UDP 53", replica),
            Touch("record", str(name_server(job, job.realm.domain)), job.realm.name),
            Touch("record", "the same in each reverse zone of the master", job.realm.name),
        ]

    def undo_touches(self, job: Job) -> list[Touch]:
        replica = job.replica.hostname
        return [
            Touch("record", f"{name_server(job, job.realm.domain)}, and the same in every other zone", job.realm.name),
            *(Touch("file", f"{path}, as it was", replica) for path in (OPTIONS, ZONES, TSIG_KEY, RESOLVER)),
            Touch("service", "named", replica),
        ]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", path) for path in (OPTIONS, ZONES, TSIG_KEY, RESOLVER, "/var/cache/bind")]

    async def done(self, ctx: Context) -> bool:
        if not ctx.facts.get(READY) or not await active(ctx, "named"):
            return False
        key = await read_key(ctx, await ctx.host("master"))
        placed = await place(ctx.job.master.address, self._records(ctx, noted(ctx, ADDED)), key=key)
        return await served(placed) and all([await self._serves(ctx, one.zone.name) for one in placed])

    async def run(self, ctx: Context) -> None:
        replica, job = await ctx.host("replica"), ctx.job
        key = await read_key(ctx, await ctx.host("master"))
        chosen = await self._chosen(ctx, key)
        placed = await place(job.master.address, self._records(ctx, chosen), key=key)
        await self._files(ctx, placed, key)
        await start(ctx, "named")
        await self._transferred(ctx, chosen)
        await ctx.fact(ADDED, list(chosen))
        for one in placed:
            if await dns_update.add(one.zone.primary, one.zone.name, one.record, key):
                ctx.log(f"Added {one.record}")
            # Otherwise the change comes with a notification, which BIND holds back for up to five seconds.
            await replica.run("rndc", "retransfer", one.zone.name)
        placed = await place(job.master.address, self._records(ctx, chosen), key=key)
        await wait_until_served(ctx, placed)
        for zone in chosen:
            ctx.log(f"{job.replica.hostname} serves {zone}")
        await self._resolver(ctx)
        await self._register(ctx)
        await ctx.fact(READY, True)

    async def undo_realm(self, ctx: Context) -> None:
        """In every zone: who finds the records asks the replica, whoever added them."""
        for zone in await self._to_clean(ctx):
            record = name_server(ctx.job, zone)
            if await stuck(ctx, zone):
                ctx.log(f"Left in {zone}, which only {ctx.job.options.instead_of} could change: {record}", "warning")
            elif await self._named(ctx, zone):
                key = await read_key(ctx, await ctx.host("master"))
                if await dns_update.remove(await changeable(ctx.job.master.address, zone, key), zone, record, key):
                    ctx.log(f"Removed {record}")
        async with directory(ctx, "master") as master:
            if await master.delete(f"cn=DNS,{Names(ctx.job).master_entry}"):
                ctx.log(f"{ctx.job.replica.hostname} is no name server of {ctx.job.realm.name} any more")

    async def undo_host(self, ctx: Context) -> None:
        # First, because nothing answers at the replica's own address any more after that.
        await restore(ctx, RESOLVER)
        if not noted(ctx, ADDED) and ZONES not in (*noted(ctx, KEPT), *noted(ctx, NEW)):
            ctx.log(f"{ctx.job.replica.hostname} was not made a name server")
            return
        await stop(ctx, "named")
        await restore(ctx, TSIG_KEY, ZONES, OPTIONS)
        known = sorted({*await zones.of_master(ctx), *noted(ctx, ADDED)})
        copies = [copy_of(zone) for zone in known]
        await discard(ctx, await ctx.host("replica"), *(name + end for name in copies for end in ("", ".jnl")))
        await bring_back(ctx, "named")

    async def _chosen(self, ctx: Context, key: dns_update.Key) -> tuple[str, ...]:
        """Return the zones that the replica serves. Raises StepError for none, DnsError for the domain's own."""
        found = await zones.shared(ctx, key, [await home(ctx, ctx.job.realm.domain)])
        for zone, cause in found.skipped.items():
            ctx.log(f"{ctx.job.replica.hostname} does not serve {zone}: {cause}", "warning")
        if not found.zones:
            raise StepError(f"{ctx.job.master.hostname} serves no zones.", "Set up DNS on the master first.")
        return found.zones

    def _records(self, ctx: Context, chosen: Sequence[str]) -> tuple[Record, ...]:
        return tuple(name_server(ctx.job, zone) for zone in chosen)

    async def _to_clean(self, ctx: Context) -> list[str]:
        """Return the zones that may have the record, without those that the master does not have any more."""
        mine, known = set(map(dns.absolute, noted(ctx, ADDED))), await zones.configured(ctx)
        for zone in sorted(mine - set(known)):
            ctx.log(f"{ctx.job.master.hostname} has no zone {zone} any more: it was not changed", "warning")
        served_now = set(await zones.of_master(ctx))
        return [zone for zone in known if zone in mine | served_now]

    async def _named(self, ctx: Context, zone: str) -> bool:
        """Return whether the zone has the record, or may have it: a copy need not be up to date."""
        record = name_server(ctx.job, zone)
        if dns.absolute(zone) in map(dns.absolute, noted(ctx, ADDED)):
            return True
        return any(dns.same(one, record) for one in await dns.lookup(ctx.job.master.address, zone, "NS"))

    async def _transferred(self, ctx: Context, chosen: Sequence[str]) -> None:
        """Wait until the replica serves its copies: before that nobody may be sent to it. Raises DnsError."""
        end = time.monotonic() + TRANSFER_SECONDS
        for zone in chosen:
            while not await self._serves(ctx, zone):
                if time.monotonic() > end:
                    raise DnsError(
                        f"{ctx.job.replica.hostname} has no copy of {zone} after {TRANSFER_SECONDS:g} s.",
                        f"See that {ctx.job.master.hostname} lets it transfer zones over port 53 (TCP).",
                    )
                await asyncio.sleep(POLL_SECONDS)

    async def _serves(self, ctx: Context, zone: str) -> bool:
        try:
            return dns.authoritative(await dns.query(ctx.job.replica.address, zone, "SOA"))
        except DnsError:
            return False  # It has only just started.

    async def _files(self, ctx: Context, placed: Sequence[PlacedRecord], key: dns_update.Key) -> None:
        """Copies come from where each zone is changed: a master that was a replica has copies itself."""
        job, master, replica = ctx.job, await ctx.host("master"), await ctx.host("replica")
        names = ((one.zone.name, one.zone.primary) for one in placed)
        blocks = [
            render("zone.conf", zone=zone.rstrip(".") or zone, primary=first, file=copy_of(zone), key=key.name)
            for zone, first in names
        ]
        include = f'include "{TSIG_KEY}";\n'
        await keep(ctx, TSIG_KEY, ZONES, OPTIONS)
        await put(
            replica,
            Placed(TSIG_KEY, await master.read(TSIG_KEY), 0o640, "root:bind"),
            Placed(ZONES, "\n".join([include, *blocks])),
            Placed(OPTIONS, options(job)),
        )

    async def _resolver(self, ctx: Context) -> None:
        """The replica asks itself before the master. It does so last: now it has answers."""
        job, replica = ctx.job, await ctx.host("replica")
        await keep(ctx, RESOLVER)
        before = (await replica.run("cat", "--", RESOLVER, check=False)).text
        await put(replica, Placed(RESOLVER, resolver(before, job.replica.address)))
        ctx.log(f"{job.replica.hostname} asks its own name server first")

    async def _register(self, ctx: Context) -> None:
        """The service among the realm's masters; it is enabled with the others."""
        entry = {
            "objectClass": ["top", "nsContainer", "extensibleObject"],
            "cn": "DNS",
            "description": "configuredService",
        }
        async with directory(ctx, "master") as master:
            await ensure(master, f"cn=DNS,{Names(ctx.job).master_entry}", entry)


def copy_of(zone: str) -> str:
    """Return the path of the replica's copy of a zone: a classless reverse zone (RFC 2317) has a slash in its name."""
    return f"/var/cache/bind/db.{zone.rstrip('.').replace('/', '%2f')}"


def name_server(job: Job, zone: str) -> Record:
    return Record(f"{zone.rstrip('.')}.", "NS", f"{job.replica.hostname}.")


def resolver(text: str, own: str) -> str:
    """resolv.conf with this name server before all others, and everything else as it was."""
    lines = [line for line in text.splitlines() if asked(line) != str(ip_address(own))]
    place = next((n for n, line in enumerate(lines) if asked(line)), len(lines))
    return "\n".join([*lines[:place], f"nameserver {own}", *lines[place:], ""])


def asked(line: str) -> str:
    """The name server that a line of resolv.conf(5) names, in canonical form; empty for any other line."""
    words = line.split()
    # The keyword is at the beginning of the line; what is indented or commented out does not count.
    if len(words) < 2 or words[0] != "nameserver" or line[0].isspace():
        return ""
    with contextlib.suppress(ValueError):
        return str(ip_address(words[1]))
    return words[1]


def options(job: Job) -> str:
    """named.conf.options with the forwarders, the policy and the validation that the request chose."""
    chosen = job.options
    return render(
        "named.conf.options",
        forwarders="".join(f" {address};" for address in chosen.forwarders),
        policy=f"    forward {chosen.forward_policy};\n" if chosen.forwarders else "",
        validation="no" if chosen.no_dnssec_validation else "auto",
    )

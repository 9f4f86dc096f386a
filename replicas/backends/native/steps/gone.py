"""Prove that nothing of the replica is left."""

from __future__ import annotations

from dataclasses import dataclass

from replicas.backends.native import bundle, lost, zones
from replicas.backends.native.checks import CLAIM
from replicas.backends.native.names import DIRECTORY_KEYTAB, KERBEROS_UNITS, Names
from replicas.backends.native.records import service_records
from replicas.backends.native.steps.directory import REPLICA_ID
from replicas.backends.native.steps.nameserver import name_server
from replicas.backends.native.steps.prepare import FLOOR
from replicas.backends.native.steps.prove import PROOFS, entry_of
from replicas.backends.native.topology import masters, partners, remaining
from replicas.clients import dns, queries
from replicas.clients.ldap import Directory
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Record, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import update_vectors
from replicas.lifecycle.steps.convergence import converged
from replicas.lifecycle.steps.dns_records import recorded
from replicas.lifecycle.steps.free_ports import DIRECTORY, KERBEROS
from replicas.lifecycle.steps.zones import stuck
from replicas.lifecycle.undo import begin_again, finish, undone
from replicas.together import together

PORTS = sorted({number for service in (DIRECTORY, KERBEROS) for number, _ in service.ports})
"""Those of services that nobody runs for another reason."""
KEYS = ("host-records-added", "service-records-added")


class ProveGone(Step):
    """Every remaining server, every name server, the authority and the host are asked; changes nothing.

    Fact `proofs`: what was found clean, a sentence each. Raises StepError naming what is left; then every step of the
    removal counts as open again, so that a retry looks at all of it once more.
    """

    key = "prove-gone"
    title = "Proving that nothing of the replica is left"
    stage = "verify"

    def __init__(self, realm_has_dns: bool) -> None:
        self.realm_has_dns = realm_has_dns

    def touches(self, job: Job) -> list[Touch]:
        reads = [Touch("read", f"every server of {job.realm.name}")]
        return reads if job.options.host_gone_reason else [*reads, Touch("read", job.replica.hostname)]

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
        try:
            own = await self._unreplicated(ctx)
            return [*await converged(ctx, lambda: self._replicated(ctx)), *own]
        except StepError:
            await begin_again(ctx)
            raise

    async def _replicated(self, ctx: Context) -> list[str]:
        """Return the proofs of what has to reach every server. Raises StepError."""
        host, left, proofs = ctx.job.replica.hostname, list[str](), list[str]()
        async with remaining(ctx) as servers:
            for bound in servers:
                left += await in_directory(ctx, bound)
            names = ", ".join(bound.hostname for bound in servers)
        proofs.append(f"{names}: no agreement with {host}, no entry, no principal, no id of it in the update vector.")
        if self.realm_has_dns:
            seen = await in_dns(ctx)
            left += seen.left
            who = "No name server that answers" if seen.silent else f"No name server of {ctx.job.realm.domain}"
            proofs.append(f"{who} leads to {host}{await self._but(ctx)}.")
            proofs += seen.silent
        _refuse(ctx, left)
        return proofs

    async def _unreplicated(self, ctx: Context) -> list[str]:
        """Return the proofs of what is the authority's and the host's alone. Raises StepError."""
        host, left, proofs = ctx.job.replica.hostname, list[str](), list[str]()
        if ctx.job.options.instead_of:
            left += [f"certificate {serial} is not on the published list" for serial in await lost.unlisted(ctx)]
            proofs += await lost.proofs(ctx)
        else:
            left += await issued(ctx)
            master = ctx.job.master.hostname
            proofs.append(f"{master}: every certificate of {host} is revoked and on the published list.")
        if ctx.job.options.host_gone_reason:
            proofs.append(f"{host} itself was not checked: the request says that it is gone.")
        else:
            left += await on_host(ctx)
            proofs.append(f"{host}: no instance, no service, no file of the replica; nobody listens on its ports.")
        _refuse(ctx, left)
        return proofs

    async def _but(self, ctx: Context) -> str:
        """Which zones were not looked at."""
        known = sorted({dns.absolute(ctx.job.realm.domain), *await zones.of_master(ctx)})
        if not (out := [zone for zone in known if await stuck(ctx, zone)]):
            return ""
        return f", but for {', '.join(out)}, which only {ctx.job.options.instead_of} can change"


def _refuse(ctx: Context, left: list[str]) -> None:
    """Raises StepError naming what is left."""
    if left:
        raise StepError(
            f"{ctx.job.replica.hostname} was not fully removed; still present: {'; '.join(left)}.",
            "Retry the removal: every step is done once more. "
            "If something reappears, another program creates it again.",
        )


async def in_directory(ctx: Context, bound: Directory) -> list[str]:
    """What a server knows of the replica."""
    names, host = Names(ctx.job), ctx.job.replica.hostname
    numbers = await update_vectors.ids(ctx, [bound], ctx.facts.get(REPLICA_ID))
    entries = [dn for dn in (names.replica_manager, entry_of(ctx.job)) if await bound.get(dn, ["cn"])]
    entries += [dn for number in sorted(numbers) for dn in await update_vectors.kept_alive(bound, names.suffix, number)]
    left = [f"{dn} on {bound.hostname}" for dn in entries]
    if host in await masters(bound, names):
        left.append(f"{names.master_entry} on {bound.hostname}")
    if host in await partners(bound, names):
        left.append(f"an agreement with it on {bound.hostname}")
    known = await update_vectors.suppliers(bound, names.suffix)
    left += [f"replica id {number} in the update vector of {bound.hostname}" for number in numbers if number in known]
    principals = f"(krbPrincipalName=*/{host}@{ctx.job.realm.name})"
    left += [f"{dn} on {bound.hostname}" for dn, _ in await bound.search(names.suffix, principals, ["cn"])]
    return left


async def issued(ctx: Context) -> list[str]:
    """Certificates that are valid, or whose revocation nobody can know of; a bundle that could be used."""
    master, floor = await ctx.host("master"), ctx.facts.get(FLOOR)
    left = [f"{ctx.job.bundle_path} on {master.name}"] if await master.exists(ctx.job.bundle_path) else []
    if not isinstance(floor, int):
        return left
    answer = await master.python("native_issued", {"names": bundle.common_names(ctx.job), "floor": floor})
    left += [f"certificate {serial} is valid" for serial in answer["valid"]]
    return left + [f"certificate {serial} is not on the published list" for serial in answer["unlisted"]]


@dataclass(frozen=True, slots=True)
class InNames:
    """Records that lead to the replica, and a sentence about each name server that could not be asked."""

    left: list[str]
    silent: list[str]


async def in_dns(ctx: Context) -> InNames:
    """Records that lead to the replica, at any name server of any zone.

    A secondary name server that does not answer stops nothing; at least one name server of each zone has to.
    """
    job, left, silent = ctx.job, list[str](), dict[str, str]()
    wanted = list(service_records(job))
    for key in KEYS:
        facts = ctx.facts.get(key)
        wanted += [recorded(fact) for fact in facts if isinstance(fact, dict)] if isinstance(facts, list) else []
    known = await zones.of_master(ctx)
    homes = await together(*(dns.zone_of(job.master.address, record.name) for record in wanted if known))
    for zone in known:
        if await stuck(ctx, zone):
            continue
        inside = [record for record, home in zip(wanted, homes, strict=True) if home == zone]
        mine = [name_server(job, zone), *inside]
        servers = [
            server
            for server in await dns.name_servers(job.master.address, zone)
            if server.name.rstrip(".") not in (job.options.instead_of, job.replica.hostname)
        ]
        # The master serves the zone, whether its NS records name it or not.
        first = dns.NameServer(f"{job.master.hostname}.", (job.master.address,))
        for server in [first, *(one for one in servers if job.master.address not in one.addresses)]:
            found, cause = await served(server, mine)
            left += found
            if cause and server is first:
                left.append(f"the zone {zone}, which {job.master.hostname} does not answer for: {cause}")
            elif cause:
                silent[server.name.rstrip(".")] = cause
    return InNames(left, [f"{name} could not be asked ({cause})." for name, cause in sorted(silent.items())])


async def served(server: dns.NameServer, records: list[Record]) -> tuple[list[str], str]:
    """Return those of the records that the name server serves, and why it could not be asked."""
    absent = await dns.absent([server], records)
    cause = next((one.cause.rstrip(".") for one in absent if one.cause), "")
    missing = {one.record for one in absent}
    return [f"«{record}» at {server.name}" for record in records if record not in missing], cause


async def on_host(ctx: Context) -> list[str]:
    """Instance, keys, units and listeners on the replica's host."""
    names, replica = Names(ctx.job), await ctx.host("replica")
    paths = (*names.instance_paths, names.environment, DIRECTORY_KEYTAB, ctx.job.bundle_path)
    left = [f"{path} on {replica.name}" for path in await queries.existing(replica, *paths)]
    units = await queries.units(replica, names.unit, *KERBEROS_UNITS)
    left += [f"{unit.name} is {unit.state} on {replica.name}" for unit in units if unit.state != "inactive"]
    listening = (await replica.python("sockets", {"ports": PORTS}))["listeners"]
    processes = sorted({(one["port"], one["process"]) for one in listening})
    return left + [f"{process or 'a listener'} on port {port} of {replica.name}" for port, process in processes]

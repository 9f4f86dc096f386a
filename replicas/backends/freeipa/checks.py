"""What must hold before anything is changed. Each check returns what it found, or raises what to do about it."""

from __future__ import annotations

from replicas.backends.freeipa import (
    certificates,
    compatible,
    dns_checks,
    leftovers,
    nameservice,
    realm,
    software,
    zones,
)
from replicas.backends.freeipa.access import session
from replicas.clients import queries
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.findings import Check
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import free_ports, host_advice, host_checks, in_service
from replicas.lifecycle.steps.host_records import host_records
from replicas.together import together

CLAIM = "replica_claimed"
INSTALLERS = ("ipa-client-install", "ipa-replica-install", "ipa-server-install")
CLIENT, SERVER_STATE = "/etc/ipa/default.conf", "/var/lib/ipa/sysrestore/sysrestore.state"
"""Files that a configured client has, and one that an installed server has."""
ADDED: dict[str, free_ports.Service] = {"dns": free_ports.DNS, "ca": free_ports.CA}
"""What is added to a server later, by action; a KRA shares the ports of the CA."""
NAMED = (
    "dirsrv_config_file", "pki_config_override", "token_library_path", "token_password_file", "dns_over_tls_cert",
    "dns_over_tls_key",
)  # fmt: skip
"""Options that name a file on the replica's host, beside certificates."""
MEMORY, MEMORY_CA = 1_050_000_000, 1_200_000_000
"""Bytes that ipa-replica-install wants available, without and with a CA."""


async def served(ctx: Context) -> str:
    """The realm is the one that was registered, of a release and level that are served. Raises StepError."""
    wanted = ctx.job.realm
    async with session(ctx) as opened:
        known = await realm.facts(opened)
        level = await realm.require_served(opened, known)
        ca = bool((await opened.call("ca_is_enabled")).value)
    if known["realm"] != wanted.name:
        raise StepError(f"{opened.server} serves {known['realm']}, not {wanted.name}.", "Register the master again.")
    if not ca and not certificates.given(ctx.job.options):
        raise StepError(
            f"{wanted.name} has no authority of its own: a replica needs certificates that somebody else issued.",
            "Upload certificates for its Directory Server and web server with the request.",
        )
    return f"{opened.server} runs FreeIPA {known['version']} at domain level {level}, and accepts the admin password"


async def authority(ctx: Context) -> str:
    """Copies of the authorities are made from a master that has them. Raises StepError.

    The installer would take another server for the master, which nobody approved.
    """
    options, master = ctx.job.options, ctx.job.master.hostname
    wanted = [role for role, asked in (("CA", options.setup_ca), ("KRA", options.setup_kra)) if asked]
    if not wanted:
        return "No certificate authority is asked for"
    async with session(ctx) as opened:
        providers = await realm.providers(opened)
    for role in wanted:
        if master not in providers[role]:
            raise StepError(
                f"{master} has no {role}; {', '.join(providers[role]) or 'no server'} has one.",
                f"Make the replica from a server with a {role}, or leave the {role} out.",
            )
    return f"{master} has a {' and a '.join(wanted)}"


async def placed(ctx: Context) -> str:
    """There is a zone for each record of the host, and none that says something else. Raises DnsError."""
    job = ctx.job
    if not (job.realm.dns and job.options.ip_addresses):
        return "No address records are made"
    wanted = host_records(job)
    async with session(ctx) as opened:
        known = await zones.names(opened)
        found = [zones.place(record, known, job.options.reverse_zone) for record in wanted]
        zones.refuse_forwarded(found, await zones.forwarded(opened))
        if not job.options.leftovers_reason:  # an earlier replica's records go with it, and these are added after that
            found = await zones.refuse_others(opened, found, wanted, known)
    return f"Zones for the records of {job.replica.hostname}: {', '.join(sorted({one.zone for one in found}))}"


async def existing(ctx: Context) -> str:
    """The realm knows no server of that name, unless this run left it, or is to remove it first. Raises StepError."""
    name, reason = ctx.job.replica.hostname, ctx.job.options.leftovers_reason
    if ctx.facts.get(CLAIM):
        return "What the realm knows of the replica comes from this run"
    async with session(ctx) as opened:
        if not reason:
            try:
                await leftovers.refuse(opened, name)
            except StepError as error:
                raise await in_service.spare(ctx, error) from error
        found = await leftovers.entries(opened, name)
        if found.server:
            await leftovers.refuse_lost_records(ctx, opened)
    if found:
        await leftovers.refuse_alive(ctx)
        return f"Removed first, because «{reason}»: {found.described(name)}"
    return f"{ctx.job.realm.name} does not know {name} as a server"


async def vectors(ctx: Context) -> str:
    if ctx.facts.get(CLAIM):
        return "What the update vectors have of the replica comes from this run"
    if ctx.job.options.leftovers_reason:
        return f"Ids of {ctx.job.replica.hostname} are cleaned out of the update vectors first"
    try:
        return await leftovers.refuse_vectors(ctx)
    except StepError as error:
        raise await in_service.spare(ctx, error) from error


async def blank(ctx: Context) -> str:
    """The replica has the installers, and nothing configured. Raises StepError."""
    if ctx.facts.get(CLAIM):
        return "What is on the replica comes from this run"
    replica, job = await ctx.host("replica"), ctx.job
    if missing := await queries.programs_missing(replica, INSTALLERS):
        raise StepError(
            f"{job.replica.hostname} lacks {', '.join(missing)}.",
            "Install the packages: ipa-server (RHEL) or freeipa-server, and ipa-server-dns or freeipa-server-dns "
            "for DNS.",
        )
    for path, what, way in (
        (SERVER_STATE, "a server of a realm", "remove it from its realm first"),
        (CLIENT, "a client of a realm", "have it unenrolled first"),
    ):
        if await replica.exists(path):
            raise StepError(
                f"{job.replica.hostname} is configured already as {what}: it has {path}.",
                f"Choose another host. If this one is not needed as {what} any more, {way}.",
            )
    return f"{job.replica.hostname} is a blank host"


async def ports(ctx: Context) -> str:
    """What the installation binds on the replica is free. Raises StepError."""
    if ctx.facts.get(CLAIM) and ctx.job.action == "install":
        return "What listens on the replica comes from this run"
    return await free_ports.require(ctx, services(ctx.job))


def services(job: Job) -> tuple[free_ports.Service, ...]:
    """Those that the job's action installs."""
    if job.action in ADDED:
        return (ADDED[job.action],)
    options = job.options
    chosen = (
        (options.setup_dns, free_ports.DNS),
        (options.setup_ca, free_ports.CA),
        (options.setup_adtrust, free_ports.TRUST),
    )
    own = (free_ports.DIRECTORY, free_ports.KERBEROS, free_ports.WEB)
    return (*own, *(service for wanted, service in chosen if wanted))


async def named(ctx: Context) -> str:
    """The files that options name are on the host. Raises StepError."""
    options, replica = ctx.job.options, await ctx.host("replica")
    paths = [path for name in NAMED if (path := getattr(options, name))]
    there = await together(*(replica.exists(path) for path in paths))
    if missing := [path for path, found in zip(paths, there, strict=True) if not found]:
        raise StepError(
            f"{', '.join(missing)} is not there on {replica.name}.", "Put it there, or correct the request."
        )
    return f"{', '.join(paths)} on {replica.name} are there" if paths else "No option names a file"


async def settings(ctx: Context) -> str:
    """IPv6 on the loopback, and memory, without which the installer refuses. Raises StepError."""
    replica, job = await ctx.host("replica"), ctx.job
    name = replica.name
    if "00000000000000000000000000000001" not in (await replica.run("cat", "/proc/net/if_inet6", check=False)).text:
        raise StepError(
            f"IPv6 is switched off on {name}: its loopback interface has no ::1.",
            "Switch it on (net.ipv6.conf.lo.disable_ipv6=0); the installer refuses a host without.",
        )
    available, needed = await _available(ctx), MEMORY_CA if job.options.setup_ca else MEMORY
    if available < needed and not job.options.skip_mem_check:
        raise StepError(
            f"Only {available >> 20} MiB of memory are available on {name}; the installer wants {needed >> 20}.",
            "Give the machine more memory, or see what uses it (ps aux --sort=-rss).",
        )
    return f"{name} has IPv6, and {available >> 20} MiB of memory"


async def _available(ctx: Context) -> int:
    """Bytes."""
    text = (await (await ctx.host("replica")).run("cat", "/proc/meminfo")).text
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(lines["MemAvailable"].split()[0]) * 1024


SIGNS_IN = "realm"
"""The first one to sign in: while it fails, no other one may try."""
# In the order in which they are worth knowing.
CHECKS: dict[str, Check] = {
    "hosts": host_checks.hosts,
    "addresses": host_checks.addresses,
    "resolvable": host_checks.resolvable,
    "own-name": host_advice.own_name,
    "realm": served,
    "releases": compatible.releases,
    "existing": existing,
    "vectors": vectors,
    "authority": authority,
    "alias": dns_checks.alias,
    "zones": placed,
    "new-zones": nameservice.unmade,
    "certificate-files": certificates.files,
    "named-files": named,
    "blank": blank,
    "ports": ports,
    "packages": software.packages,
    "options": software.options,
    "forwarding": nameservice.forwarding,
    "settings": settings,
    "resources": host_checks.resources,
}

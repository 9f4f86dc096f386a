"""What any replica's host must be like before something is changed, whoever serves its realm.

Each check returns what it found, or raises StepError with what to do about it.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import Any

from replicas.clients import queries
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job, Role

SPACE = 512 * 1024 * 1024
CLOCK_SECONDS = 120.0
SERVING = {88, 389, 464, 636}
"""TCP ports of a directory and of a Kerberos server."""
MEMBER = ("/etc/ipa/default.conf", "/etc/krb5.keytab", "/etc/sssd/sssd.conf")
"""Files of a host that is a server or a client of a realm."""
INSTANCES = ("/etc/dirsrv", "-mindepth", "2", "-maxdepth", "2", "-path", "*/slapd-*/dse.ldif")
DATABASE = "/var/lib/dirsrv"
FOLDERS = (DATABASE, "/var/lib/ipa", "/etc", "/var/log")
WITHOUT_DNS = (
    "The realm {realm} has no DNS of its own, so there is no DNS record to update, and the attempt to create the "
    "replica would fail when the DNS record operation fails."
)


async def hosts(ctx: Context) -> str:
    """The two hosts are two, and each has the name that it was registered with."""
    job = ctx.job
    if job.replica.hostname == job.master.hostname or job.replica.address == job.master.address:
        raise StepError(
            f"{job.replica.hostname} ({job.replica.address}) is the master itself.",
            "Name another host for the replica.",
        )
    found = await _own_name(ctx)
    if found != job.replica.hostname and not job.options.other_host_reason:
        message = f"The host at {job.replica.address} calls itself {found or 'nothing'}, not {job.replica.hostname}."
        raise StepError(message, await _name_remedy(ctx))
    return f"The replica host is {job.replica.hostname}"


async def _own_name(ctx: Context) -> str:
    """Return the host's full name, or the name that it was given where it cannot resolve that yet.

    The records of a new host are added in this run, and nothing else need know its name before.
    """
    replica = await ctx.host("replica")
    full = (await replica.run("hostname", "--fqdn", check=False)).text.strip()
    return full or (await replica.run("hostname", check=False)).text.strip()


async def _name_remedy(ctx: Context) -> str:
    """Return what to do about a host with another name: one that serves a directory or a realm is not renamed."""
    wanted, replica = ctx.job.replica, await ctx.host("replica")
    shown = (await replica.run("ss", "--no-header", "--listening", "--tcp", "--numeric", check=False)).text
    listening = {int(port) for line in shown.splitlines() if (port := line.split()[3].rpartition(":")[2]).isdigit()}
    if serving := sorted(listening & SERVING):
        return (
            f"Something on it listens on port {', '.join(map(str, serving))}: it may be a server that is in service. "
            "Enter the address of the new host."
        )
    if member := [*await queries.existing(replica, *MEMBER), *await queries.find(replica, *INSTANCES)]:
        return (
            f"It has {', '.join(member)}: it may be a server or a client of a realm. Enter the address of the new "
            "host, or, on a machine with several names, allow the other name with a reason."
        )
    return (
        f"Check the address. If this is the new host, set its name with hostnamectl set-hostname {wanted.hostname} and "
        f"see that {queries.HOSTS} agrees, or, on a machine with several names, allow the other name with a reason."
    )


async def addresses(ctx: Context) -> str:
    """Each address is valid, belongs to the replica host, and is reachable from the master."""
    job = ctx.job
    if not job.options.ip_addresses:
        return "No addresses to add to DNS"
    if not job.realm.dns:
        raise StepError(WITHOUT_DNS.format(realm=job.realm.name), "Leave the addresses out of the request.")
    here = await host_facts(ctx, "replica")
    local = {str(ip_address(one["address"])) for one in here["addresses"]}
    for text in job.options.ip_addresses:
        try:
            address = str(ip_address(text))
        except ValueError as error:
            raise StepError(f"{text!r} is not an IP address.", "Correct the request.") from error
        if address not in local:
            raise StepError(
                f"No interface of {job.replica.hostname} has the address {address}; it has {', '.join(sorted(local))}.",
                "Only an address associated with a local interface can be used.",
            )
    await _reachable(ctx)
    return f"{', '.join(job.options.ip_addresses)} on {job.replica.hostname}, reachable from the master"


async def resolvable(ctx: Context) -> str:
    """Each host finds the other by its name: agreements and certificates go by names. Raises StepError."""
    job = ctx.job
    replica = await ctx.host("replica")
    if not await queries.addresses_of(replica, job.master.hostname):
        raise StepError(f"{job.replica.hostname} cannot resolve {job.master.hostname}.", await _name_server_remedy(ctx))
    local = {str(ip_address(one["address"])) for one in (await host_facts(ctx, "replica"))["addresses"]}
    if job.options.ip_addresses:
        await _require_no_other_line(ctx, local)
        return f"{job.replica.hostname} gets its DNS records in this run"
    master = await ctx.host("master")
    found = set(await queries.addresses_of(master, job.replica.hostname))
    if not found:
        raise StepError(
            f"{job.master.hostname} cannot resolve {job.replica.hostname}: the name was not found in DNS.",
            _resolving_remedy(job),
        )
    if not found <= local:
        raise StepError(
            f"{job.master.hostname} resolves {job.replica.hostname} to {', '.join(sorted(found - local))}, which no "
            f"interface of the replica has; it has {', '.join(sorted(local))}.",
            await _record_remedy(ctx, found - local),
        )
    return f"{job.master.hostname} resolves {job.replica.hostname} to {', '.join(sorted(found))}"


async def _name_server_remedy(ctx: Context) -> str:
    """Return what to do about a replica that cannot resolve the master, by what its /etc/resolv.conf names now."""
    replica, master = await ctx.host("replica"), ctx.job.master.hostname
    servers = await queries.name_servers(replica)
    if not servers:
        return f"Name the realm's name server in {queries.RESOLVER} on {replica.name}, which names none."
    return (
        f"{replica.name} asks {', '.join(servers)} ({queries.RESOLVER}): see that these know {master} and answer (dig "
        f'{master}), and that the line "hosts" of its /etc/nsswitch.conf has "dns" for such names; or have it ask the '
        "realm's name server."
    )


async def _require_no_other_line(ctx: Context, local: Collection[str]) -> None:
    """Raises StepError for a line of /etc/hosts with another address, which counts before the records of the run.

    A loopback address is the replica's on the replica alone, where another check has it.
    """
    name, replica = ctx.job.replica.hostname, await ctx.host("replica")
    for host in (await ctx.host("master"), replica):
        for number, line in (await queries.hosts_file(host, name)).items():
            address = queries.address(line.split()[0])
            own = host is replica and address and ip_address(address).is_loopback
            if address and not own and address not in local:
                raise StepError(
                    f"{host.name} takes {name} for {address} by its {queries.HOSTS}, which no interface of the replica "
                    f"has; it has {', '.join(sorted(local))}.",
                    f'Correct line {number} ("{line}") of {queries.HOSTS} on {host.name}: it counts before any record.',
                )


def _resolving_remedy(job: Job) -> str:
    if not job.realm.dns:
        return f"Add the name to your own name server, or to {queries.HOSTS} on {job.master.hostname}."
    return (
        "Give the replica's IP addresses in the request, so that its records are added. If other name servers serve "
        "its zone, have the records added there."
    )


async def _record_remedy(ctx: Context, wrong: Collection[str]) -> str:
    """Return where the master has the wrong addresses from, as far as that can be seen there."""
    name, master = ctx.job.replica.hostname, await ctx.host("master")
    lines = queries.lines_with(await queries.hosts_file(master, name), wrong)
    if lines:
        return f"Correct {' and '.join(lines)} of {queries.HOSTS} on {master.name}."
    return (
        f"{queries.HOSTS} on {master.name} does not give it this address. Find out who does (getent ahosts {name}; dig "
        f"{name}), and have {master.name} resolve {name} to an address of the replica."
    )


async def _reachable(ctx: Context) -> None:
    """By its SSH port, which is known to be open. Raises StepError."""
    job = ctx.job
    payload = {
        "host": job.replica.hostname,
        "addresses": list(job.options.ip_addresses),
        "realm": job.realm.name,
        "zone": job.realm.domain,
        "ca": job.realm.ca_certificate,
        "seconds": 2.0,
        "checks": [{"port": job.replica.port, "protocol": "tcp", "kind": "connect"}],
    }
    answer = await (await ctx.host("master")).python("probe", payload)
    for one in answer["results"]:
        if not one["ok"]:
            raise StepError(
                f"{one['address']} is not reachable from {job.master.hostname}: {one['detail']}.",
                "Correct the address, or the route and the firewall between the two hosts.",
            )


async def resources(ctx: Context) -> str:
    """Space, and two clocks that agree well enough for Kerberos. Raises StepError."""
    job = ctx.job
    facts = await host_facts(ctx, "replica")
    for folder in FOLDERS:
        free = facts["disk"][folder]["free"]
        # The Directory Server does not start when its cache, a tenth of the memory, would not fit on the disk.
        needed = max(SPACE, facts["memory"]["total"] // 10) if folder == DATABASE else SPACE
        if free < needed:
            raise StepError(
                f"Only {free >> 20} MiB are free for {folder} on {job.replica.hostname}; {needed >> 20} are needed.",
                f"Free space for {folder} on {job.replica.hostname}.",
            )
    difference = abs(facts["clock"] - (await host_facts(ctx, "master"))["clock"])
    if difference > CLOCK_SECONDS:
        raise StepError(
            f"The clocks of {job.master.hostname} and {job.replica.hostname} differ by {difference:.0f} s.",
            'Compare both with a time server ("chronyc tracking"), and set the clock that is wrong, for instance with '
            "chronyc makestep.",
        )
    return f"Enough space on {job.replica.hostname}; the clocks agree"


async def host_facts(ctx: Context, role: Role) -> dict[str, Any]:
    return await (await ctx.host(role)).python("addresses", {"folders": list(FOLDERS)})

"""What is looked at before a plan is approved: what would stop it, and what would not but is worth knowing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from replicas.backends.native import checks
from replicas.backends.native.access import directory
from replicas.backends.native.names import Names
from replicas.backends.native.steps.removable import CheckRemovable
from replicas.clients import dns
from replicas.clients.certificates import days_left, presented
from replicas.errors import DnsError, StepError
from replicas.hostside import wire
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps import host_checks
from replicas.together import together

DAYS = 30
PROBE_SECONDS = 3.0
STATUS = ("nsDS5ReplicaHost", "nsds5replicaLastUpdateStatus", "nsds5BeginReplicaRefresh")


async def removable(ctx: Context) -> str:
    await CheckRemovable().run(ctx)
    return f"{ctx.job.realm.name} can do without {ctx.job.replica.hostname}"


async def reachable(ctx: Context) -> str:
    """The host from which something is taken back, unless the request says that it is gone."""
    replica = ctx.job.replica.hostname
    if ctx.job.options.host_gone_reason:
        return f"{replica} is left out"
    await ctx.host("replica")
    return f"The portal reaches {replica}"


async def name_in_dns(ctx: Context) -> str:
    """What the realm's DNS says of the name and the addresses already: an address of somebody else misleads clients."""
    job = ctx.job
    if not (job.realm.dns and job.options.ip_addresses):
        return "No address records are made"
    server, name = job.master.address, f"{job.replica.hostname}."
    wanted = {str(ip_address(text)) for text in job.options.ip_addresses}
    found = await together(*(dns.lookup(server, name, kind) for kind in ("A", "AAAA")))
    known = {record.value for records in found for record in records}
    if other := sorted(known - wanted):
        raise StepError(
            f"{job.replica.hostname} has the address {', '.join(other)} in the DNS already, which is not requested.",
            "Remove that record if it is an old one: clients would try it.",
        )
    for address in sorted(wanted):
        named = await _names_of(server, address)
        if other := sorted(named - {name}):
            raise StepError(
                f"{address} is the address of {', '.join(other)} by its PTR record.",
                f"Remove that record if {job.replica.hostname} takes the address over.",
            )
    return f"Nothing in the DNS contradicts {job.replica.hostname}"


async def _names_of(server: str, address: str) -> set[str]:
    """The PTR records of an address; none when the server has no zone for it."""
    try:
        return {record.value for record in await dns.lookup(server, dns.reverse_name(address), "PTR")}
    except DnsError:
        return set()


async def forwarders(ctx: Context) -> str:
    """Each forwarder answers the replica host, with signatures if they are to be checked."""
    options, replica = ctx.job.options, ctx.job.replica.hostname
    if not options.forwarders:
        return "No forwarders"
    payload = {
        "host": replica,
        "addresses": list(options.forwarders),
        "seconds": PROBE_SECONDS,
        "checks": [{"port": 53, "protocol": "udp", "kind": "forwarder"}],
    }
    answer = await (await ctx.host("replica")).python("probe", payload)
    for one in answer["results"]:
        if not one["ok"]:
            raise StepError(
                f"The forwarder {one['address']} does not resolve names for {replica}: {one['detail']}.",
                "Correct the address, or let port 53 through; without any forwarder that answers, names outside of "
                "the realm are not resolved.",
            )
        if one["detail"] == wire.UNSIGNED and not options.no_dnssec_validation:
            raise StepError(
                f"The forwarder {one['address']} leaves DNSSEC signatures out.",
                "Names would not be resolved with validation: choose another forwarder, or «no DNSSEC validation».",
            )
    return f"{', '.join(options.forwarders)} resolve names for {replica}"


async def certificates(ctx: Context) -> str:
    """The realm's authority, and the master's directory, for some time to come."""
    job = ctx.job
    try:
        served = await presented(job.master.address, 636)
    except OSError as error:
        raise StepError(f"The directory of {job.master.hostname} does not answer on port 636: {error}.") from error
    days = {
        f"The authority of {job.realm.name}": days_left(job.realm.ca_certificate),
        f"The certificate of {job.master.hostname} (port 636)": days_left(served),
    }
    for what, left in days.items():
        if left < DAYS:
            raise StepError(
                f"{what} expires in {left} days." if left >= 0 else f"{what} has expired.", "Have it renewed first."
            )
    return f"The certificates are valid for {min(days.values())} days and more"


async def agreements(ctx: Context) -> str:
    """The master sends its changes to the others, and initializes no other replica now."""
    names, master = Names(ctx.job), ctx.job.master.hostname
    async with directory(ctx, "master") as bound:
        found = await bound.search(names.mapping_tree, "(objectClass=nsds5ReplicationAgreement)", STATUS)
    for _, entry in found:
        host, status, begun = ("".join(entry.get(name, [])) for name in STATUS)
        if begun:
            raise StepError(
                f"{master} is initializing {host} now.", "Wait for its end: it does one after the other, slowly."
            )
        if status and not status.startswith(("Error (0)", "0 ")):
            raise StepError(
                f"{master} cannot send its changes to {host}: {status}.",
                "Have that repaired first: a new replica gets what this master has.",
            )
    return f"{master} replicates with {len(found)} other servers" if found else f"{master} has no other replica yet"


async def own_name(ctx: Context) -> str:
    """The replica's own name leads to an address that others can use too."""
    replica = ctx.job.replica.hostname
    lines = (await (await ctx.host("replica")).run("getent", "ahosts", replica, check=False)).text.splitlines()
    loops = sorted({line.split()[0] for line in lines if line and ip_address(line.split()[0]).is_loopback})
    if loops:
        raise StepError(
            f"{replica} resolves its own name to {', '.join(loops)}.",
            "Take the name off the line with 127.0.1.1 or ::1 in its /etc/hosts.",
        )
    return f"{replica} does not take its name for a loopback address"


async def settings(ctx: Context) -> str:
    """A umask with which services can read their files, and IPv6, which the services listen on."""
    replica = await ctx.host("replica")
    umask = (await replica.run("sh", "-c", "umask")).text.strip()
    if int(umask, 8) != 0o022:
        raise StepError(
            f"The umask of {ctx.job.replica.user} on {replica.name} is {umask}.",
            "Set it to 0022: files that services read would be closed to them.",
        )
    if not (await host_checks.host_facts(ctx, "replica"))["ipv6"]:
        raise StepError(
            f"IPv6 is switched off on {replica.name}.",
            "Switch it on (net.ipv6.conf.all.disable_ipv6=0); no address is needed, but services expect the stack.",
        )
    return f"The umask of {replica.name} is {umask}, and it has IPv6"


Check = Callable[[Context], Awaitable[str]]
HINDRANCES: dict[str, Check] = {**checks.CHECKS, "removable": removable, "reachable": reachable}
"""What the plan's own steps would fail with."""
ADVICE: dict[str, Check] = {
    "name-in-dns": name_in_dns,
    "forwarders": forwarders,
    "certificates": certificates,
    "agreements": agreements,
    "own-name": own_name,
    "settings": settings,
}
"""What does not stop the plan, and causes trouble later."""
CHECKS: dict[str, tuple[str, ...]] = {
    "install": (*checks.CHECKS, *ADVICE),
    "dns": ("password", "updates", "forwarders"),
    "records": ("password", "updates"),
    "undo": ("password", "reachable"),
    "remove": ("password", "reachable", "removable"),
    "revoke": ("authority",),
}
"""By action, in the order in which they are worth knowing."""

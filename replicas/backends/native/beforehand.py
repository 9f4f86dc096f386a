"""What is looked at before a plan is approved: what would stop it, and what would not but is worth knowing."""

from __future__ import annotations

from replicas.backends.native import checks, dns_checks, plan
from replicas.backends.native.access import directory
from replicas.backends.native.steps.removable import CheckRemovable
from replicas.clients import replication
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.findings import Check
from replicas.lifecycle.steps import host_advice, host_checks, name_checks
from replicas.lifecycle.steps import writable as writing


async def removable(ctx: Context) -> str:
    await CheckRemovable().run(ctx)
    return f"{ctx.job.realm.name} can do without {ctx.job.replica.hostname}"


async def agreements(ctx: Context) -> str:
    """The master sends its changes to the others, and initializes no other replica now."""
    master = ctx.job.master.hostname
    async with directory(ctx, "master") as bound:
        found = (await replication.read(bound, ctx.job.realm.suffix)).agreements
    for host, one in found.items():
        if one.initializing:
            raise StepError(
                f"{master} is initializing {host} now.", "Wait for its end: it does one after the other, slowly."
            )
        if one.status.kind == "broken":
            raise StepError(
                f"{master} cannot send its changes to {host}: {one.status.text}.",
                "Have that repaired first: a new replica gets what this master has.",
            )
        if one.status.kind == "failing":
            raise StepError(
                f"{master} did not reach {host} the last time, and will try again: {one.status.text}.",
                f"See that {host} runs and that {master} reaches its port 389.",
            )
    return f"{master} replicates with {len(found)} other servers" if found else f"{master} has no other replica yet"


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


async def writable(ctx: Context) -> str:
    """Nothing keeps the files of the plan's steps from being written. Raises StepError, HostError."""
    return await writing.require(ctx, plan.ACTIONS[ctx.job.action](ctx.job))


HINDRANCES: dict[str, Check] = {
    **checks.CHECKS,
    "zone-changes": dns_checks.removable,
    "removable": removable,
    "reachable": host_advice.reachable,
    "writable": writable,
}
"""What the plan's own steps would fail with."""
ADVICE: dict[str, Check] = {
    "name-in-dns": dns_checks.name_in_dns,
    "reverse": name_checks.reverse,
    "name-servers": dns_checks.alive,
    "forwarders": host_advice.forwarders,
    "forwarder-loops": dns_checks.forwarder_loops,
    "certificates": host_advice.certificates,
    "agreements": agreements,
    "own-name": host_advice.own_name,
    "settings": settings,
}
"""What does not stop the plan, and causes trouble later."""
CHECKS: dict[str, tuple[str, ...]] = {
    "install": (*checks.CHECKS, "writable", *ADVICE),
    "dns": ("password", "updates", "ports", "writable", "zones", "name-servers", "forwarders", "forwarder-loops"),
    "records": ("password", "updates", "zones", "name-servers"),
    "undo": ("password", "reachable", "zone-changes"),
    "remove": ("password", "reachable", "removable", "zone-changes"),
    "revoke": ("authority",),
}
"""By action, in the order in which they are worth knowing."""

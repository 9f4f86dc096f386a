"""What is looked at before a plan is approved, whoever serves its realm, and only read.

Each check returns what it found, or raises StepError with what to do about it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from replicas.clients import queries
from replicas.clients.certificates import days_left, presented
from replicas.errors import StepError
from replicas.hostside import wire
from replicas.lifecycle.base import Context
from replicas.lifecycle.undo import require_gone

DAYS = 30
PROBE_SECONDS = 3.0


async def reachable(ctx: Context) -> str:
    """The portal reaches the host that something is removed from, or does not when the request says that it is gone.

    Raises HostError, and StepError for a host that is said to be gone and is not.
    """
    if ctx.job.options.host_gone_reason:
        return await require_gone(ctx)
    await ctx.host("replica")
    return f"The portal reaches {ctx.job.replica.hostname}"


async def own_name(ctx: Context) -> str:
    """The replica's own name leads to an address that others can use too."""
    replica = ctx.job.replica.hostname
    host = await ctx.host("replica")
    loops = sorted(one for one in await queries.addresses_of(host, replica) if ip_address(one).is_loopback)
    if loops:
        lines = await queries.hosts_file(host, replica)
        raise StepError(f"{replica} resolves its own name to {', '.join(loops)}.", _own_name_remedy(ctx, lines, loops))
    return f"{replica} does not take its name for a loopback address"


def _own_name_remedy(ctx: Context, lines: Mapping[int, str], loops: Collection[str]) -> str:
    """Names the lines of its /etc/hosts that were read there, if it is in one."""
    replica = ctx.job.replica
    if named := queries.lines_with(lines, loops):
        return f"Take the name off {' and '.join(named)} of {queries.HOSTS} on {replica.hostname}."
    return (
        f'{queries.HOSTS} on {replica.hostname} does not give it this address: see the line "hosts" of its '
        f'/etc/nsswitch.conf. A line "{replica.address} {replica.hostname}" in {queries.HOSTS} counts first.'
    )


async def forwarders(ctx: Context) -> str:
    """Each forwarder answers the replica host, with signatures if they are to be checked."""
    asked = ctx.job.options.forwarders
    if not asked:
        return "No forwarders"
    found = await ask_forwarders(ctx)
    require_answers(ctx, found)
    require_signatures(ctx, found)
    return f"{', '.join(asked)} resolve names for {ctx.job.replica.hostname}"


async def ask_forwarders(ctx: Context, seconds: float = PROBE_SECONDS) -> list[dict[str, Any]]:
    """What each said to the replica host when it was asked for the root's signed SOA record."""
    addresses = list(ctx.job.options.forwarders)
    if not addresses:
        return []
    payload = {
        "host": ctx.job.replica.hostname,
        "addresses": addresses,
        "seconds": seconds,
        "checks": [{"port": 53, "protocol": "udp", "kind": "forwarder"}],
    }
    answer = await (await ctx.host("replica")).python("probe", payload)
    return list(answer["results"])


def require_answers(ctx: Context, found: Iterable[dict[str, Any]]) -> None:
    """Raises StepError for a forwarder that does not resolve names."""
    for one in found:
        if not one["ok"]:
            raise StepError(
                f"The forwarder {one['address']} does not resolve names for {ctx.job.replica.hostname}: "
                f"{one['detail']}.",
                "Correct the address, or let port 53 through; without any forwarder that answers, names outside of "
                "the realm are not resolved.",
            )


def require_signatures(ctx: Context, found: Iterable[dict[str, Any]]) -> None:
    """Raises StepError for a forwarder that leaves out what is to be checked."""
    for one in found:
        if one["ok"] and one["detail"] == wire.UNSIGNED and not ctx.job.options.no_dnssec_validation:
            raise StepError(
                f"The forwarder {one['address']} leaves DNSSEC signatures out.",
                "Names would not be resolved with validation: choose another forwarder, or «no DNSSEC validation».",
            )


async def certificates(ctx: Context) -> str:
    """The realm's authority, and the master's directory, for some time to come."""
    job = ctx.job
    try:
        served = await presented(job.master.address, 636)
    except OSError as error:
        raise StepError(f"The directory of {job.master.hostname} does not answer on port 636: {error}.") from error
    certificates = {
        f"The authority of {job.realm.name}": job.realm.ca_certificate,
        f"The certificate of {job.master.hostname} (port 636)": served,
    }
    days = {what: _days_left(what, text) for what, text in certificates.items()}
    for what, left in days.items():
        if left < DAYS:
            raise StepError(
                f"{what} expires in {left} days." if left >= 0 else f"{what} has expired.", "Have it renewed first."
            )
    return f"The certificates are valid for {min(days.values())} days and more"


def _days_left(what: str, text: str) -> int:
    """Raises StepError."""
    try:
        return days_left(text)
    except ValueError as error:
        raise StepError(f"{what} cannot be read.", "Check it with openssl x509 -text on its host.") from error

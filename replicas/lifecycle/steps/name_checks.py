"""What the hosts' own resolvers make of the replica's name and addresses: read-only pre-flight checks.

Each check returns what it found, or raises StepError with what to do about it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from replicas.clients import dns, queries
from replicas.clients.queries import HOSTS
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps.host_checks import host_facts
from replicas.together import together

LOOPBACK = ("127.0.0.1", "::1")
OUTSIDE = (
    "Choose a name server outside of the realm. Name servers that forward to each other send a query for any other "
    "name round in a loop until it fails."
)


async def names(ctx: Context, role: Role) -> dict[str, Any]:
    """Ask a host for the addresses of the replica's name, the names of its addresses, and whether it is an alias."""
    payload = {"name": ctx.job.replica.hostname, "addresses": list(ctx.job.options.ip_addresses)}
    return await (await ctx.host(role)).python("names", payload)


async def require_no_alias(ctx: Context) -> None:
    """Raises StepError when a resolver of either host says that the replica's name is an alias.

    Where it is asked, nobody knows whether a wildcard says so; a stored one is told by the realm's own zones before.
    """
    name, roles = ctx.job.replica.hostname, ("replica", "master")
    found = await together(*(names(ctx, role) for role in roles))  # type: ignore[arg-type]
    for role, one in zip(roles, found, strict=True):
        if one["alias"]:
            host = getattr(ctx.job, role).hostname
            raise StepError(
                f"{name} is an alias for {one['alias']}, as the name servers of {host} say: the name of a replica must "
                "be that of a host, with address records.",
                f"Request the replica under another name, or have address records for {name} added to its zone.",
            )


async def reverse(ctx: Context) -> str:
    """The replica's addresses resolve back to its name, as the replica itself sees it. Raises StepError."""
    job = ctx.job
    answer = await names(ctx, "replica")
    if wrong := wrong_names(job, answer["reverse"], answer["lines"]):
        told = "; ".join(f"{address} resolves back to {name}" for address, name in wrong.items())
        raise StepError(
            f"On {job.replica.hostname}, {told}, not to {job.replica.hostname}.",
            f"{_reverse_remedy(job, wrong, answer['lines'])} Installers and Kerberos clients compare the two.",
        )
    back = [address for address, found in answer["reverse"].items() if found]
    if not back:
        return f"No address of {job.replica.hostname} resolves back to another name"
    return f"{', '.join(back)} resolve back to {job.replica.hostname}"


def _reverse_remedy(job: Job, wrong: Iterable[str], lines: Mapping[str, str]) -> str:
    """Name the lines of its /etc/hosts that were read there, if these answer."""
    host = job.replica.hostname
    if read := list(dict.fromkeys(f'"{lines[address]}"' for address in wrong if address in lines)):
        return (
            f"If this is the right host, correct {' and '.join(read)} in its {HOSTS}, so that {host} is the first name."
        )
    return f"See which zone holds these reverse names, and have each address resolve back to {host} alone."


def wrong_names(job: Job, found: Mapping[str, Sequence[str]], lines: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses that resolve back to another name, each with that name.

    The run itself adds the PTR records of requested addresses, unless it is told not to; what name servers answer for
    those now is compared with the zone itself. A line of /etc/hosts counts before any record, and has other names
    after the first. Name servers answer with several names in any order. Loopback addresses are another check's.
    """
    added = set(job.options.ip_addresses) if job.realm.dns and not job.options.no_reverse else set()
    wrong = {}
    for address, names in found.items():
        by_file = address in lines and names[:1] == lines[address].split()[1:2]
        if ip_address(address).is_loopback or (str(ip_address(address)) in added and not by_file):
            continue
        strange = [name for name in names[: 1 if by_file else None] if not _same(name, job.replica.hostname)]
        if strange:
            wrong[address] = min(strange)
    return wrong


def _same(name: str, hostname: str) -> bool:
    return name.rstrip(".").lower() == hostname


async def forwarder_loops(ctx: Context, servers: Iterable[str] = ()) -> str:
    """No forwarder is the replica itself or a server of the realm; `servers` are the names of all that are known.

    Raises StepError.
    """
    job = ctx.job
    asked = await _forwarders(ctx)
    if not asked:
        return "No forwarders"
    own, master = await together(host_facts(ctx, "replica"), host_facts(ctx, "master"))
    itself = (*LOOPBACK, *job.options.ip_addresses, *_addresses(own))
    known = dict.fromkeys(itself, job.replica.hostname)
    known |= dict.fromkeys((job.master.address, *_addresses(master)), job.master.hostname)
    others = [name for name in servers if name not in (job.replica.hostname, job.master.hostname)]
    for name, found in zip(others, await together(*(_addresses_of(ctx, name) for name in others)), strict=True):
        known |= dict.fromkeys(found, name)
    if loops := [f"{address} is {known[address]}" for address in asked if address in known]:
        raise StepError(
            f"A forwarder is the replica itself or another server of the realm: {', '.join(loops)}.", OUTSIDE
        )
    return f"No forwarder is a server of {job.realm.name}"


async def _addresses_of(ctx: Context, name: str) -> set[str]:
    """Return every address of a server, as the master and its name service know it; none is not a forwarder either."""
    found = set(await queries.addresses_of(await ctx.host("master"), name))
    if ctx.job.realm.dns:
        with contextlib.suppress(DnsError):  # The master need not be a name server.
            found |= set(await dns.addresses(ctx.job.master.address, name))
    return found


async def _forwarders(ctx: Context) -> list[str]:
    """Return the addresses that the replica's name server will forward to, those of resolv.conf included."""
    options = ctx.job.options
    found = [*options.forwarders, *(word.partition("#")[0] for word in options.dot_forwarders or ())]
    if options.auto_forwarders:
        found += (await names(ctx, "replica"))["servers"]
    return list(dict.fromkeys(_plain(address) for address in found))


def _plain(address: str) -> str:
    try:
        return str(ip_address(address.partition("%")[0]))
    except ValueError:
        return address


def _addresses(facts: Mapping[str, Any]) -> list[str]:
    return [_plain(one["address"]) for one in facts["addresses"]]

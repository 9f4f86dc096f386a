"""FreeIPA's own check of the replica's ports, beside the portal's: `server_conncheck` lets the master call them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from ipaddress import ip_address

from replicas.backends.freeipa.access import session
from replicas.clients import queries
from replicas.clients.freeipa.errors import FreeIpaError, Internal, NoPermission, UnknownCommand
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Level
from replicas.lifecycle.steps.connection_check import Failed, RealmCheck
from replicas.lifecycle.steps.ports import CONNCHECK, Port

COMMAND = "server_conncheck"
LINE = re.compile(r"\s*(?P<label>.+) \((?P<number>\d+)\): (?P<outcome>OK|FAILED|WARNING|SKIPPED)$")
LEVELS: dict[str, Level] = {"FAILED": "error", "WARNING": "warning"}
"""FreeIPA warns of UDP ports, from which an answer may get lost, and fails TCP ports."""
CAUSE = f"the master did not reach it ({COMMAND})"
UNRESOLVED = "Unable to resolve host name"
NAME_SECONDS, POLL_SECONDS = 30.0, 1.0
"""So long records that were just added may take to be found, asked for so often."""
WITHOUT: dict[type[FreeIpaError], str] = {
    NoPermission: "It takes the privilege «Replication Administrators».",
    UnknownCommand: "This server does not have it.",
    Internal: "The server could not start it, or got no result in time: see whether oddjobd runs there.",
}
"""Why there is no such check: the portal's own is enough, so it goes on without."""


async def from_master(ctx: Context) -> Failed:
    """The ports that the master did not reach.

    Raises StepError when it does not find the replica by its name, WrongPassword and what Session.open raises.
    """
    master, replica = ctx.job.master.hostname, ctx.job.replica.hostname
    await require_name(ctx)
    async with session(ctx) as opened:
        try:
            # It has to be the server's own name: it checks from itself only.
            answer = await opened.call(COMMAND, master, replica)
        except FreeIpaError as error:
            ctx.log(f"Without {COMMAND}: {error.message} {WITHOUT.get(type(error), error.remedy)}".strip(), "warning")
            return ()
    failed = tuple(_heard(ctx, answer.warnings))
    if not answer.value and not failed:
        if any(UNRESOLVED in line for line in answer.warnings):
            raise StepError(f"{master} cannot resolve {replica}, by its own {COMMAND}.", _remedy(ctx))
        ctx.log(f"{COMMAND} of {master} failed without naming a port", "warning")
    return failed


async def require_name(ctx: Context) -> None:
    """The master finds the replica by its name: agreements go by names, and the portal's own probe by addresses.

    Without addresses in the request, it was proved before anything was changed. Raises StepError.
    """
    job = ctx.job
    if not (job.realm.dns and job.options.ip_addresses):
        return
    master, wanted = await ctx.host("master"), {str(ip_address(text)) for text in job.options.ip_addresses}
    end = time.monotonic() + NAME_SECONDS
    while True:
        found = set(await queries.addresses_of(master, job.replica.hostname))
        # A master without IPv6 is not told of such addresses.
        if found and found <= wanted:
            ctx.log(f"{master.name} resolves {job.replica.hostname} to {', '.join(sorted(found))}")
            return
        if time.monotonic() > end:
            break
        await asyncio.sleep(POLL_SECONDS)
    to = f" to {', '.join(sorted(found - wanted))}, not to {', '.join(sorted(wanted))}" if found else ""
    raise StepError(
        f"{master.name} {'resolves' if found else 'cannot resolve'} {job.replica.hostname}{to}.", _remedy(ctx)
    )


def _remedy(ctx: Context) -> str:
    job = ctx.job
    return (
        f"See /etc/resolv.conf and /etc/hosts on {job.master.hostname}: it has to ask a name server that has the "
        f"records of {job.realm.domain}. Look with getent ahosts {job.replica.hostname} there, then try again."
    )


def _heard(ctx: Context, lines: tuple[str, ...]) -> Iterator[tuple[Port, str]]:
    for line in lines:
        found = LINE.match(line)
        ctx.log(line, LEVELS.get(found["outcome"], "info") if found else "info")
        if found and found["outcome"] == "FAILED":
            yield _port(found["label"], int(found["number"])), CAUSE


def _port(label: str, number: int) -> Port:
    known = [port for port in CONNCHECK if (port.number, port.protocol) == (number, "tcp")]
    return known[0] if known else Port(label, number, "tcp", "connect")


CHECK = RealmCheck(COMMAND, from_master)

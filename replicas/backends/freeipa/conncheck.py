"""FreeIPA's own check of the replica's ports, beside the portal's: `server_conncheck` lets the master call them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from replicas.backends.freeipa.access import session
from replicas.clients.freeipa.errors import FreeIpaError, Internal, NoPermission, UnknownCommand
from replicas.lifecycle.base import Context, Level
from replicas.lifecycle.steps.connection_check import Failed, RealmCheck
from replicas.lifecycle.steps.ports import CONNCHECK, Port

COMMAND = "server_conncheck"
LINE = re.compile(r"\s*(?P<label>.+) \((?P<number>\d+)\): (?P<outcome>OK|FAILED|WARNING|SKIPPED)$")
LEVELS: dict[str, Level] = {"FAILED": "error", "WARNING": "warning"}
"""FreeIPA warns of UDP ports, from which an answer may get lost, and fails TCP ports."""
CAUSE = f"the master did not reach it ({COMMAND})"
WITHOUT: dict[type[FreeIpaError], str] = {
    NoPermission: "It takes the privilege «Replication Administrators».",
    UnknownCommand: "This server does not have it.",
    Internal: "The server could not start it, or got no result in time: see whether oddjobd runs there.",
}
"""Why there is no such check: the portal's own is enough, so it goes on without."""


async def from_master(ctx: Context) -> Failed:
    """The ports that the master did not reach. Raises WrongPassword and what Session.open raises."""
    master, replica = ctx.job.master.hostname, ctx.job.replica.hostname
    async with session(ctx) as opened:
        try:
            # It has to be the server's own name: it checks from itself only.
            answer = await opened.call(COMMAND, master, replica)
        except FreeIpaError as error:
            ctx.log(f"Without {COMMAND}: {error.message} {WITHOUT.get(type(error), error.remedy)}".strip(), "warning")
            return ()
    failed = tuple(_heard(ctx, answer.warnings))
    if not answer.value and not failed:
        ctx.log(f"{COMMAND} of {master} failed without naming a port", "warning")
    return failed


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

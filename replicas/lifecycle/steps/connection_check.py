"""Check every port in both directions before anything is installed (guide, step 3)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replicas.clients import kerberos
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import ports
from replicas.lifecycle.steps.ports import Direction, Port
from replicas.lifecycle.steps.wording import duration

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

PROBE_SECONDS = 2.0
LISTEN_SECONDS = 120.0
ADMIN = "admin"
Failed = tuple[tuple[Port, str], ...]
"""Ports that did not answer, each with the cause."""


@dataclass(frozen=True, slots=True)
class RealmCheck:
    """A check of the replica's ports that a kind of realm has itself; `run` is awaited while they are listened on."""

    name: str
    run: Callable[[Context], Awaitable[Failed]]


class ConnectionCheck(Step):
    """Protocols from the replica to the master, echoes from the master to listeners on the replica, a ticket between.

    What `also` finds counts as what the portal's own probe of the replica finds.

    Facts: `connection_check` (seconds it took, or the reason it was skipped), `clock_offset` (seconds by which the
    master's clock is ahead of the replica's).
    """

    key = "connection-check"
    stage = "check"

    def __init__(self, choice: ports.Choice = ports.of_all_services, also: RealmCheck | None = None) -> None:
        self.title = "Run connection check to master"
        self.choice, self.also = choice, also

    def touches(self, job: Job) -> list[Touch]:
        if reason := job.options.skip_conncheck_reason:
            return [Touch("exception", f"the connection check is skipped, because: {reason}")]
        outwards, back = (", ".join(map(str, wanted)) for wanted in self.choice(job))
        return [
            Touch("port", f"{outwards}, probed from {job.replica.hostname}", job.master.hostname),
            Touch("port", f"{back}: listeners while the check runs", job.replica.hostname),
            *([Touch("command", self.also.name, job.master.hostname)] if self.also else []),
            Touch("principal", f"a ticket for {ADMIN}, thrown away at once", job.realm.name),
        ]

    async def done(self, ctx: Context) -> bool:
        return "connection_check" in ctx.facts

    async def run(self, ctx: Context) -> None:
        job = ctx.job
        if reason := job.options.skip_conncheck_reason:
            ctx.log(f"Connection check skipped: {reason}", "warning")
            await ctx.fact("connection_check", f"skipped: {reason}")
            return
        start = time.monotonic()
        master, replica = await ctx.host("master"), await ctx.host("replica")
        on_master, on_replica = self.choice(job)
        total = len(on_master) + len(on_replica)
        outwards = await _to_master(ctx, replica, on_master, total)
        if not any(port.kind == "kdc" for port, _ in outwards.failed):
            await _prove_password(ctx, replica)
        back = await _to_replica(ctx, master, replica, on_replica, total, self.also)
        _judge(job, outwards, back)
        ctx.log("Connection check OK")
        await ctx.fact("connection_check", round(time.monotonic() - start, 3))


async def _to_master(ctx: Context, replica: Host, wanted: Sequence[Port], total: int) -> Direction:
    job = ctx.job
    ctx.log(f"Check connection from replica to remote master '{job.master.hostname}':")
    answer = await replica.python("probe", _payload(job, job.master.hostname, [_check(port) for port in wanted]))
    failed = _report(ctx, wanted, answer["results"], 0, total)
    offsets = [one["offset"] for one in answer["results"] if "offset" in one]
    if offsets:
        offset = min(offsets, key=abs)
        await ctx.fact("clock_offset", round(offset, 6))
        ctx.log(f"The clocks of master and replica differ by {duration(abs(offset))}")
    ctx.log(f"Connection from replica to master {'FAILED' if failed else 'is OK'}.", "error" if failed else "info")
    return Direction("replica", "master", job.master.hostname, failed)


async def _to_replica(
    ctx: Context, master: Host, replica: Host, wanted: Sequence[Port], total: int, also: RealmCheck | None
) -> Direction:
    job = ctx.job
    addresses = list(job.options.ip_addresses or (job.replica.address,))
    ctx.log("Start listening on required ports for remote master check")
    listen = {
        "ports": [[port.number, port.protocol] for port in wanted],
        "addresses": addresses,
        "seconds": LISTEN_SECONDS,
    }
    async with replica.stream("listen", listen) as lines:
        ready = await anext(aiter(lines))
        taken = {(number, protocol) for number, protocol in ready["taken"]}
        if taken:
            names = ", ".join(f"{number} ({protocol.upper()})" for number, protocol in sorted(taken))
            ctx.log(f"Services of its own answer on {replica.name}: {names}")
        ctx.log("Execute check on remote master")
        ctx.log(f"Check connection from master to remote replica '{job.replica.hostname}':")
        checks = [_check(port, _echo(port, taken)) for port in wanted]
        answer = await master.python("probe", {**_payload(job, job.replica.hostname, checks), "addresses": addresses})
        failed = _report(ctx, wanted, answer["results"], total - len(wanted), total)
        if also:
            ctx.log(f"The same by {also.name}:")
            known = {port for port, _ in failed}
            failed += tuple(one for one in await also.run(ctx) if one[0] not in known)
    ctx.log(f"Connection from master to replica {'FAILED' if failed else 'is OK'}.", "error" if failed else "info")
    ctx.log("Listeners removed.")
    return Direction("master", "replica", job.replica.hostname, failed)


def _echo(port: Port, taken: set[tuple[int, str]]) -> str:
    """A taken port is probed as what it is; over TCP a connection is enough, as its certificate may not be final."""
    if (port.number, port.protocol) not in taken:
        return "echo"
    return "connect" if port.protocol == "tcp" else port.kind


def _check(port: Port, kind: str = "") -> dict[str, Any]:
    return {"port": port.number, "protocol": port.protocol, "kind": kind or port.kind}


def _payload(job: Job, host: str, checks: list[dict[str, Any]]) -> dict[str, Any]:
    realm = job.realm
    return {
        "host": host,
        "realm": realm.name,
        "zone": realm.domain,
        "ca": realm.ca_certificate,
        "seconds": PROBE_SECONDS,
        "checks": checks,
    }


def _report(ctx: Context, wanted: Sequence[Port], results: list[dict[str, Any]], before: int, total: int) -> Failed:
    """Log one line for each port, and return those that failed with the first cause."""
    failed = []
    for number, port in enumerate(wanted, start=1):
        found = [one for one in results if (one["port"], one["protocol"]) == (port.number, port.protocol)]
        bad = [one["detail"] for one in found if not one["ok"]]
        ctx.log(ports.line(port, found), "error" if bad else "info")
        ctx.progress(before + number, total, "ports")
        if bad:
            failed.append((port, bad[0]))
    return tuple(failed)


async def _prove_password(ctx: Context, replica: Host) -> None:
    job = ctx.job
    ctx.log("Get credentials to log in to remote master")
    password = ctx.secret("admin")
    ticket = await kerberos.prove(replica, ADMIN, password, job.realm.name, (job.master.hostname,))
    ctx.log(f"Ticket of {ticket.principal} for {ticket.service}, thrown away again")


def _judge(job: Job, outwards: Direction, back: Direction) -> None:
    hosts = {"master": job.master.hostname, "replica": job.replica.hostname}
    failed = [direction for direction in (outwards, back) if direction.failed]
    if failed:
        raise StepError(
            "Port check failed! Inaccessible port(s): " + "; ".join(one.message for one in failed) + ".",
            " ".join(one.remedy(hosts[one.source]) for one in failed) + " Then try again.",
        )

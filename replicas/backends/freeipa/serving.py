"""Whether a server serves what it was asked to, and is connected as it has to be."""

from __future__ import annotations

from collections.abc import Iterable

from replicas.backends.freeipa import realm
from replicas.backends.freeipa.access import session
from replicas.clients.freeipa.session import Session
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.convergence import converged

MASTER, CA, DNS, KRA, TRUST = "IPA master", "CA server", "DNS server", "KRA server", realm.TRUST
HIDDEN = "hidden"


async def roles(session: Session, server: str) -> dict[str, str]:
    """Status of each role of the server: enabled, configured, hidden or absent."""
    found = await session.find("server_role_find", server_server=server, include_master=True)
    return {str(one["role_servrole"]): str(one["status"]) for one in found}


def wanted(job: Job) -> list[str]:
    options = job.options
    asked = {
        CA: options.setup_ca,
        KRA: options.setup_kra,
        DNS: options.setup_dns,
        TRUST: options.setup_adtrust,
    }
    return [MASTER, *(role for role, wish in asked.items() if wish)]


def expected(job: Job) -> str:
    """The status of every role: a hidden server's are hidden too."""
    return HIDDEN if job.options.hidden_replica else realm.ENABLED


async def serves(ctx: Context, role: str) -> bool:
    """Whether the job's server has the role as it should, as the master sees it."""
    async with session(ctx) as opened:
        found = await roles(opened, ctx.job.replica.hostname)
    return found.get(role) == expected(ctx.job)


async def require_soon(ctx: Context, role: str, log: str) -> None:
    """Wait until the master sees the role: its installer tells the replica's own directory. Raises StepError."""
    name = ctx.job.replica.hostname

    async def attempt() -> None:
        if not await serves(ctx, role):
            raise StepError(
                f'The installer succeeded, but role "{role}" on {name} is not {expected(ctx.job)}.',
                f'See "ipa server-role-find --server {name}" on {ctx.job.master.hostname}, and {log} on {name}.',
            )

    await converged(ctx, attempt)


async def require_roles(session: Session, job: Job) -> str:
    """Raises StepError for a role that is only configured, or not there."""
    name = job.replica.hostname
    found = await roles(session, name)
    status = expected(job)
    if bad := [f"{role} is {found.get(role, 'absent')}" for role in wanted(job) if found.get(role) != status]:
        raise StepError(
            f"{name} does not serve all it was installed for: {', '.join(bad)}.",
            "A role that stays «configured» was not finished: see /var/log/ipareplica-install.log there.",
        )
    return f"{status.capitalize()} on {name}: {', '.join(wanted(job))}."


async def require_segments(session: Session, name: str, suffixes: Iterable[str]) -> str:
    """Each suffix that the server manages has a segment with it and is connected. Raises StepError."""
    told = []
    for suffix in suffixes:
        joined = [one for one in await realm.segments(session, [suffix]) if one.joins(name)]
        if not joined:
            raise StepError(
                f"{name} has no segment of the suffix {suffix}: nothing is replicated with it.",
                f"Add one: ipa topologysegment-add {suffix}.",
            )
        partners = sorted({one.left if one.right == name else one.right for one in joined})
        told.append(f"{suffix} with {', '.join(partners)}")
        await require_connected(session, suffix)
    return f"{name} replicates {'; '.join(told)}; every server reaches every other."


async def require_connected(session: Session, suffix: str) -> None:
    """Raises StepError naming servers that changes do not reach; too many agreements are nobody's failure."""
    shown = (await session.call("topologysuffix_verify", suffix)).value
    if shown["connect_errors"]:
        lost = "; ".join(f"{server} does not reach {', '.join(rest)}" for server, _, rest in shown["connect_errors"])
        raise StepError(f"The topology of the suffix {suffix} is not connected: {lost}.", "Add the missing segments.")

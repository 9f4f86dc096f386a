"""Prove that the replica serves: its roles, its segments, a ticket, a bind, and a write that arrives."""

from __future__ import annotations

import secrets
import time

from replicas.backends.freeipa import access, realm
from replicas.backends.freeipa.leftovers import directory
from replicas.backends.freeipa.replication import CA, DOMAIN, shown, working
from replicas.backends.freeipa.serving import require_roles, require_segments
from replicas.clients import kerberos
from replicas.clients.freeipa.session import Session
from replicas.clients.ldap import Directory
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import disks
from replicas.lifecycle.steps.convergence import converged
from replicas.lifecycle.steps.wording import duration

PROOFS = "proofs"
MARK = "replica-proof-"
ATTRIBUTE = "description"
DESCRIBED = "described"


class ProveService(Step):
    """Services are enabled, every suffix has its segments and agreements that work, and writes cross both ways.

    The write is the description of the host's own entry, which is put back. Fact `proofs`: what was proved, a sentence
    each. Raises StepError, WrongPassword, DirectoryError, FreeIpaError.
    """

    key = "prove-service"
    title = "Proving that the replica serves"
    stage = "verify"

    def touches(self, job: Job) -> list[Touch]:
        return [
            Touch("directory", f"{ATTRIBUTE} of {entry(job)}, put back", job.realm.name),
            Touch("principal", f"a ticket for {access.ADMIN}, thrown away at once", job.realm.name),
            Touch("read", "roles, segments, agreements", job.realm.name),
        ]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(PROOFS))

    async def run(self, ctx: Context) -> None:
        await disks.refuse(ctx)
        await _starts(ctx)
        async with access.session(ctx) as opened:
            proofs = [
                await converged(ctx, lambda: require_roles(opened, ctx.job)),
                await converged(ctx, lambda: self._segments(ctx, opened)),
            ]
        proofs += [await self._ticket(ctx), await self._web(ctx), *await self._write(ctx)]
        proofs += await self._agreements(ctx)
        for sentence in proofs:
            ctx.log(sentence)
        await ctx.fact(PROOFS, list(proofs))

    async def _segments(self, ctx: Context, opened: Session) -> str:
        name = ctx.job.replica.hostname
        shown = realm.server((await opened.call("server_show", name, all=True)).value)
        return await require_segments(opened, name, sorted({*shown.suffixes, *suffixes(ctx.job)}))

    async def _agreements(self, ctx: Context) -> list[str]:
        """Both ways with the master, in each suffix. Raises StepError for one that meets errors."""
        proofs, ends = list[str](), (ctx.job.master, ctx.job.replica)
        for supplier, consumer in (ends, ends[::-1]):
            async with directory(ctx, supplier) as bound:
                proofs += [await self._agreement(ctx, bound, consumer.hostname, one) for one in suffixes(ctx.job)]
        return [one for one in proofs if one]

    async def _agreement(self, ctx: Context, bound: Directory, consumer: str, suffix: str) -> str:
        """A sentence, and none where admin may read none at all."""
        if not await shown(bound):
            ctx.log(f"{bound.hostname} shows admin no agreements: the one with {consumer} is not looked at", "warning")
            return ""
        found = await working(ctx, bound, suffix, consumer)
        return f"The agreement of {bound.hostname} with {consumer} for {suffix} says: {found.update}."

    async def _ticket(self, ctx: Context) -> str:
        job, host = ctx.job, await ctx.host("replica")
        password = ctx.secret("admin")
        ticket = await kerberos.prove(host, access.ADMIN, password, job.realm.name, (job.replica.address,))
        return f"{ticket.principal} got a ticket for {ticket.service} from the KDC of {job.replica.hostname} alone."

    async def _web(self, ctx: Context) -> str:
        job = ctx.job
        async with Session.open(
            job.replica.hostname,
            job.replica.address,
            job.realm.ca_certificate,
            access.ADMIN,
            ctx.secret("admin"),
            port=access.HTTPS,
        ) as opened:
            await opened.call("ping")
        return f"{access.ADMIN} signed in to {job.replica.hostname}, whose certificate is of the realm's authority."

    async def _write(self, ctx: Context) -> list[str]:
        job, name = ctx.job, entry(ctx.job)
        async with directory(ctx, job.master) as master, directory(ctx, job.replica) as replica:
            there, back = await crossing(ctx, name, replica, master)
        return [
            f"{access.ADMIN} bound to {job.replica.hostname}; a write there was on {job.master.hostname} after "
            f"{duration(there)}.",
            f"A write on {job.master.hostname} was on {job.replica.hostname} after {duration(back)}.",
        ]


async def _starts(ctx: Context) -> None:
    """The installer enables the services last, when the realm knows of the server already."""
    replica = await ctx.host("replica")
    if (said := (await replica.run("systemctl", "is-enabled", "ipa", check=False)).text.strip()) != "enabled":
        ctx.log(f"ipa.service on {replica.name} is {said or 'not there'}: see that it starts with the host", "warning")


def suffixes(job: Job) -> tuple[str, ...]:
    """Those that a replica as it was asked for replicates with its master."""
    return (DOMAIN, CA) if job.options.setup_ca else (DOMAIN,)


def entry(job: Job) -> str:
    """The replica's host entry."""
    return f"fqdn={job.replica.hostname},cn=computers,cn=accounts,{job.realm.suffix}"


async def crossing(ctx: Context, name: str, one: Directory, other: Directory) -> tuple[float, float]:
    """Seconds until the other server has what was written on the one, and until the one has it as it was before.

    Fact `described`: what was there. Raises StepError, DirectoryError.
    """
    mark = MARK + secrets.token_hex(8)
    before = await _before(ctx, await _values(one, name))
    try:
        await one.modify(name, ("replace", ATTRIBUTE, [mark]))
        there = await _arrives(ctx, other, name, [mark])
    finally:
        await other.modify(name, ("replace", ATTRIBUTE, before))
    return there, await _arrives(ctx, one, name, before)


async def _before(ctx: Context, found: list[str]) -> list[str]:
    """What was there before the mark, which may be that of an attempt that was cut off."""
    if not any(value.startswith(MARK) for value in found):
        await ctx.fact(DESCRIBED, list(found))
        return found
    known = ctx.facts.get(DESCRIBED)
    return [str(value) for value in known] if isinstance(known, list) else []


async def _values(bound: Directory, name: str) -> list[str]:
    found = await bound.get(name, [ATTRIBUTE])
    if found is None:
        raise StepError(f"{bound.hostname} has no entry {name}.", "See whether replication from the master works.")
    return [str(value) for value in found.get(ATTRIBUTE, [])]


async def _arrives(ctx: Context, bound: Directory, name: str, wanted: list[str]) -> float:
    """Return the seconds until the server has the value. Raises StepError."""
    begun = time.monotonic()

    async def attempt() -> float:
        if await _values(bound, name) != wanted:
            raise StepError(
                f"A change did not reach {bound.hostname}.",
                "See the agreements of both servers, and the errors log of their Directory Servers.",
            )
        return time.monotonic() - begun

    return await converged(ctx, attempt)

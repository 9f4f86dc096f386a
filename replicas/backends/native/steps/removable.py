"""Whether the realm can do without the replica."""

from __future__ import annotations

from replicas.backends.native.names import Names
from replicas.backends.native.topology import Server, cut, masters, partners, remaining
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.undo import finish, undone

ROLES = {"CA": "certificate authority", "DNS": "name server"}


class CheckRemovable(Step):
    """Reads the agreements of every other server, and who serves what; changes nothing.

    Raises StepError: naming a server that cannot be asked, one that would be cut off from the others, or the service
    that nobody else has.
    """

    key = "check-removable"
    title = "Checking that the realm can do without the replica"
    stage = "check"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("read", f"every server of {job.realm.name}")]

    async def done(self, ctx: Context) -> bool:
        return self.key in undone(ctx)

    async def run(self, ctx: Context) -> None:
        names, host = Names(ctx.job), ctx.job.replica.hostname
        async with remaining(ctx, strict=True) as servers:
            known = await masters(servers[0], names)
            agreements = {bound.hostname: await partners(bound, names) for bound in servers}
        for name, others in agreements.items():
            ctx.log(f"{name} replicates with {', '.join(sorted(others)) or 'nobody'}")
        lost = ctx.job.options.instead_of
        refuse_last(known, host, lost)
        refuse_cut(agreements, ctx.job.master.hostname, host, lost)
        ctx.log(f"{', '.join(agreements)} stay connected without {host}")
        await finish(ctx, self.key)


def refuse_last(known: dict[str, Server], host: str, lost: str = "") -> None:
    """Raises StepError when nobody else has a service; the master that is worked without counts as nobody."""
    own = known.get(host, Server(host, {}))
    for service, words in ROLES.items():
        if own.has(service) and not any(one.has(service) for one in known.values() if one.name not in (host, lost)):
            raise StepError(
                f"{host} is the last {words} of the realm.",
                f"Set up another {words} first: no server would be left that is one.",
            )


def refuse_cut(agreements: dict[str, set[str]], master: str, host: str, lost: str = "") -> None:
    """Raises StepError when others would be cut off, or are since a master is lost: they would not hear of it."""
    if names := ", ".join(sorted(cut(agreements, master))):
        without = f"{host} and {lost}" if lost else host
        raise StepError(
            f"Without {without}, {names} would be cut off from {master}: no agreements connect them otherwise.",
            f"Connect {names} with {master} first." if lost else f"Connect {names} with a server that stays first.",
        )

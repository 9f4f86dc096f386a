"""Tell the realm that the replica serves."""

from __future__ import annotations

from replicas.backends.native.access import directory, set_value
from replicas.backends.native.names import CONFIGURED, ENABLED, Names
from replicas.clients.ldap import Directory
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job


class EnableServices(Step):
    """From `configuredService` to `enabledService`: the last change, so that a half-made replica is known as one.

    Undo marks them as configured again. Raises StepError when the replica is not among the masters.
    """

    key = "enable-services"
    title = "Enabling the services of the replica"
    stage = "install"
    undo_title = "Withdrawing the services of the replica"

    def touches(self, job: Job) -> list[Touch]:
        names = Names(job)
        entries = (f"cn={service},{names.master_entry}: {ENABLED}" for service in names.services)
        return [Touch("directory", entry, job.realm.name) for entry in entries]

    def undo_touches(self, job: Job) -> list[Touch]:
        return [Touch("directory", f"{Names(job).master_entry}: no service of it is enabled", job.realm.name)]

    async def done(self, ctx: Context) -> bool:
        async with directory(ctx, "master") as master:
            found = await services(master, Names(ctx.job))
        return bool(found) and all(state == ENABLED for state in found.values())

    async def run(self, ctx: Context) -> None:
        async with directory(ctx, "master") as master:
            found = await services(master, Names(ctx.job))
            if not found:
                raise StepError(
                    f"{ctx.job.replica.hostname} is not among the masters of {ctx.job.realm.name}.",
                    "Set up its replication first.",
                )
            for dn in found:
                await set_value(master, dn, "description", ENABLED)
        names = sorted(dn.partition(",")[0].partition("=")[2] for dn in found)
        ctx.log(f"{ctx.job.replica.hostname} is a master for {', '.join(names)}")

    async def undo_realm(self, ctx: Context) -> None:
        async with directory(ctx, "master") as master:
            found = await services(master, Names(ctx.job))
            for dn in found:
                await set_value(master, dn, "description", CONFIGURED)
        host = ctx.job.replica.hostname
        ctx.log(f"{host} is announced for no service any more" if found else f"{host} was never announced")


async def services(bound: Directory, names: Names) -> dict[str, str]:
    """The replica's services among the masters that the job is about, and the state of each."""
    kind = "(cn=DNS)" if names.job.action == "dns" else "(objectClass=nsContainer)"
    found = await bound.search(names.master_entry, kind, ["description"], "one")
    return {dn: "".join(entry.get("description", [])) for dn, entry in found}

"""Remove the bundle from both hosts: after it has served its purpose, or because it was revoked."""

from __future__ import annotations

from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps import sealed

HOSTS: tuple[Role, ...] = ("master", "replica")


class RemoveBundle(Step):
    """Facts `bundle_removing` (the intent) and `bundle_removed`: the digest of the bundle. Raises HostUnreachable."""

    key = "remove-bundle"
    title = "Removing the replica information file from both hosts"
    stage = "verify"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("file", f"{job.bundle_path}, removed", host.hostname) for host in (job.master, job.replica)]

    async def done(self, ctx: Context) -> bool:
        if not sealed.is_about(ctx.facts, sealed.REMOVED):
            return False
        return not any([await (await ctx.host(role)).exists(ctx.job.bundle_path) for role in HOSTS])

    async def run(self, ctx: Context) -> None:
        digest, path = ctx.facts.get(sealed.SHA256), ctx.job.bundle_path
        await ctx.fact(sealed.REMOVING, digest)
        for role in HOSTS:
            host = await ctx.host(role)
            there = await host.exists(path)
            await host.remove(path)
            ctx.log(f"Removed {host.name}:{path}" if there else f"Not there any more: {host.name}:{path}")
        await ctx.fact(sealed.REMOVED, digest)

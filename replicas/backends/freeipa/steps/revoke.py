"""Make a bundle worthless that was never, or will never be, of use."""

from __future__ import annotations

from replicas.backends.freeipa.access import SERVERS, session
from replicas.backends.freeipa.steps.prepare import uninvite
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import sealed

DONE = "password_revoked"


class RevokePassword(Step):
    """The one-time password in the bundle opens nothing any more. Fact `password_revoked`: the bundle's digest.

    Raises FreeIpaError.
    """

    key = "revoke-password"
    title = "Revoking the one-time password of the bundle"
    stage = "remove"
    undoable = False

    def touches(self, job: Job) -> list[Touch]:
        host = job.replica.hostname
        return [
            Touch("directory", f"the one-time password of the host {host}", job.realm.name),
            Touch("directory", f"{host}, member of the host group {SERVERS}", job.realm.name),
        ]

    def lasting(self, job: Job) -> list[str]:
        return ["A one-time password that is revoked stays revoked; another bundle gets a new one."]

    async def done(self, ctx: Context) -> bool:
        return sealed.is_about(ctx.facts, DONE)

    async def run(self, ctx: Context) -> None:
        async with session(ctx) as opened:
            await uninvite(ctx, opened)
        await ctx.fact(DONE, ctx.facts.get(sealed.SHA256))

"""Take the id of a removed server out of the realm's update vectors."""

from __future__ import annotations

from replicas.backends.freeipa.checks import CLAIM
from replicas.backends.freeipa.leftovers import directory
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import update_vectors
from replicas.lifecycle.undo import finish, undone


class CleanVectors(Step):
    """CLEANALLRUV, once nothing writes on the replica any more.

    The realm does it by itself when the server's entry goes, but the uninstaller writes on the replica after that, and
    whatever of it still travels brings the id back. Raises WrongPassword, DirectoryError, StepError.
    """

    key = "clean-vectors"
    title = "Cleaning the replica's id out of the update vectors"
    stage = "remove"
    undoable = False

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("directory", f"the replica id of {job.replica.hostname}, in every update vector", job.realm.name)]

    async def done(self, ctx: Context) -> bool:
        return self.key in undone(ctx)

    async def run(self, ctx: Context) -> None:
        if ctx.facts.get(CLAIM):
            await clean(ctx)
        await finish(ctx, self.key)


async def clean(ctx: Context) -> None:
    """Raises WrongPassword, DirectoryError, StepError."""
    async with directory(ctx, ctx.job.master) as bound:
        numbers = await update_vectors.ids(ctx, [bound])
        for number in sorted(numbers):
            await update_vectors.clean(ctx, [bound], number)
    if not numbers:
        ctx.log(f"No update vector of {ctx.job.master.hostname} has an id of {ctx.job.replica.hostname}")

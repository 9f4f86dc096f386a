"""Copy the bundle from the master to the replica (guide, step 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicas.errors import BundleError, CommandFailed
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps import sealed
from replicas.lifecycle.steps.leftovers import discard, drop_empty, stop_commands, sweep_replica

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

PIECE = 256 * 1024
OWNED = "600 root:root"


class TransferBundle(Step):
    """Between the two pinned connections; the portal keeps nothing of it.

    Fact `bundle_sha256` (hex): written by whoever sealed the bundle, or else here.
    """

    key = "transfer-bundle"
    stage = "transfer"
    undo_title = "Removing the bundle, and what interrupted attempts left, on the replica"

    def __init__(self) -> None:
        self.title = "Copying the replica information file to the replica"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("file", f"{job.bundle_path} (mode 0600, root)", job.replica.hostname)]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", job.bundle_path)]

    async def done(self, ctx: Context) -> bool:
        digest, path = ctx.facts.get(sealed.SHA256), ctx.job.bundle_path
        if not sealed.usable(ctx.facts):
            return False
        if sealed.is_about(ctx.facts, sealed.REMOVING):
            return True
        replica = await ctx.host("replica")
        if not await replica.exists(path):
            return False
        facts = await replica.run("stat", "--format=%a %U:%G", "--", path)
        return facts.text.strip() == OWNED and (await _sha256(replica, path)) == digest

    async def run(self, ctx: Context) -> None:
        sealed.require_usable(ctx)
        path = ctx.job.bundle_path
        master, replica = await ctx.host("master"), await ctx.host("replica")
        digest = await self._digest(ctx, master)
        size = int((await master.run("stat", "--format=%s", "--", path)).text)
        ctx.progress(0, size, "bytes")
        payload = {"path": path, "size": size, "sha256": digest}
        async with replica.stream("receive", payload) as answers, master.process("cat", "--", path) as source:
            async for answer in answers.answering(_pieces(source.stdout)):
                if "received" in answer:
                    ctx.progress(answer["received"], size, "bytes")
        ctx.log(f"Copied {size} bytes to {replica.name}:{path}, SHA-256 {digest}")

    async def undo_host(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        await discard(ctx, replica, ctx.job.bundle_path)
        await stop_commands(ctx)
        await sweep_replica(ctx)
        await drop_empty(replica, ctx.job.bundle_path.rpartition("/")[0])

    async def _digest(self, ctx: Context, master: Host) -> str:
        """The digest of the master's bundle, which must be what was sealed. Raises BundleError."""
        path = ctx.job.bundle_path
        try:
            digest = await _sha256(master, path)
        except CommandFailed as error:
            raise BundleError(f"There is no bundle {path} on {master.name}.", "Prepare the replica again.") from error
        noted = ctx.facts.get(sealed.SHA256)
        if noted and noted != digest:
            raise BundleError(
                f"{path} on {master.name} is not the file that was sealed: its SHA-256 is {digest}, not {noted}.",
                "Find out who changed it, and prepare the replica again.",
            )
        if not noted:
            await ctx.fact(sealed.SHA256, digest)
        return digest


async def _sha256(host: Host, path: str) -> str:
    return (await host.run("sha256sum", "--", path)).text.split()[0]


async def _pieces(stream: Any) -> Any:
    while piece := await stream.read(PIECE):
        yield piece

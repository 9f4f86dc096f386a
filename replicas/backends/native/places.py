"""Files that a step puts on a host: many in one go."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replicas.clients import queries
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps.leftovers import discard

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

KEPT, NEW = "kept_files", "new_files"
ASIDE = ".before-replica"


@dataclass(frozen=True, slots=True)
class Placed:
    """A file, its content, and who may read it."""

    path: str
    content: str | bytes
    mode: int = 0o644
    owner: str = "root:root"

    def payload(self) -> dict[str, str | int]:
        data = self.content.encode() if isinstance(self.content, str) else self.content
        return {
            "path": self.path,
            "mode": self.mode,
            "owner": self.owner,
            "content": base64.b64encode(data).decode(),
        }


async def put(host: Host, *files: Placed) -> None:
    """Write them all atomically, one by one, making folders that are missing. Raises StepError for a full disk."""
    await host.python("native_put", {"files": [file.payload() for file in files]})


async def keep(ctx: Context, *paths: str) -> None:
    """Set aside what the replica's host had there before this run, for `restore`.

    Facts: `kept_files`, of which there is a copy beside them, and `new_files`, which the host did not have.
    """
    replica, kept, new = await ctx.host("replica"), noted(ctx, KEPT), noted(ctx, NEW)
    unknown = [path for path in paths if path not in (*kept, *new)]
    if not unknown:
        return
    found = await queries.existing(replica, *unknown, *(path + ASIDE for path in unknown))
    there = [path for path in unknown if path in found]
    for path in there:
        # A copy that an earlier run made is of the original; what lies there now is that run's own.
        if path + ASIDE not in found:
            await _copy(replica, path)
    await ctx.fact(KEPT, [*kept, *there])
    await ctx.fact(NEW, [*new, *(path for path in unknown if path not in there)])


async def _copy(replica: Host, path: str) -> None:
    """Whole or not at all: a full disk must not leave half a copy that passes for the original."""
    folder, _, name = path.rpartition("/")
    draft = f"{folder}/.portal-{name}"
    await replica.run("cp", "--archive", "--no-target-directory", "--", path, draft)
    await replica.run("mv", "--no-target-directory", "--", draft, path + ASIDE)


async def restore(ctx: Context, *paths: str) -> None:
    """Put back what was there, and remove what was not; what is as it was already stays so."""
    replica, new = await ctx.host("replica"), noted(ctx, NEW)
    mine = [path for path in paths if path in new]
    aside = [path + ASIDE for path in paths if path in noted(ctx, KEPT) and path not in new]
    if mine:
        await discard(ctx, replica, *mine, *(path + ASIDE for path in mine))
    if aside:
        for copy in await queries.existing(replica, *aside):
            path = copy.removesuffix(ASIDE)
            await replica.run("mv", "--no-target-directory", "--", copy, path)
            ctx.log(f"Put back on {replica.name}: {path}")


def noted(ctx: Context, fact: str) -> list[str]:
    found = ctx.facts.get(fact)
    return [str(path) for path in found] if isinstance(found, list) else []

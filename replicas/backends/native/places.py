"""Files that a step puts on a host: many in one go."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replicas.lifecycle.base import Context

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

KEPT = "kept_files"
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
    """Set aside what the replica's host had there before this run (fact `kept_files`), for `restore`."""
    replica, before = await ctx.host("replica"), ctx.facts.get(KEPT)
    kept = list(before) if isinstance(before, list) else []
    for path in paths:
        if path not in kept:
            await replica.run("cp", "--archive", "--", path, path + ASIDE, check=False)
            kept.append(path)
    await ctx.fact(KEPT, kept)


async def restore(ctx: Context, *paths: str) -> None:
    """Put back what was there, and remove what was not."""
    replica, kept = await ctx.host("replica"), ctx.facts.get(KEPT)
    if not isinstance(kept, list):
        return
    for path in [path for path in paths if path in kept]:
        if await replica.exists(path + ASIDE):
            await replica.run("mv", "--", path + ASIDE, path)
        else:
            await replica.remove(path)
    await ctx.fact(KEPT, [path for path in kept if path not in paths])

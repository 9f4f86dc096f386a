"""What is on a replica now: read-only."""

from __future__ import annotations

from replicas.backends.native.access import directory
from replicas.backends.native.names import Names
from replicas.clients import queries
from replicas.errors import DirectoryError, WrongPassword
from replicas.lifecycle.base import Context, ReplicaState

STATUS = "nsds5replicaLastUpdateStatus"
GOOD = "Error (0)"


async def read(ctx: Context) -> ReplicaState:
    """Raises HostUnreachable when the replica cannot be asked."""
    names, replica = Names(ctx.job), await ctx.host("replica")
    services = {unit.name: unit.active for unit in await queries.units(replica, *names.units)}
    installed = await replica.exists(names.folder)
    return ReplicaState(installed, services, await _in_sync(ctx) if installed else None)


async def _in_sync(ctx: Context) -> bool | None:
    """Whether both agreements say so; None when a directory cannot be asked."""
    names = Names(ctx.job)
    try:
        async with directory(ctx, "master") as master, directory(ctx, "replica") as replica:
            found = [await master.get(names.to_replica, [STATUS]), await replica.get(names.to_master, [STATUS])]
    except (DirectoryError, WrongPassword):
        return None
    return all(entry is not None and "".join(entry.get(STATUS, [])).startswith(GOOD) for entry in found)

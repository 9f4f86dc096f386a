"""What an interrupted attempt can leave on a host: drafts of files, folders in /run, units of its long commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicas.clients import detached, queries
from replicas.lifecycle.base import Context

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

DRAFTS = ".portal-*"
FOLDERS = ("/etc", "/var/lib/ipa", "/var/www", "/usr/local/share")
IN_RUN = ("/run", "-maxdepth", "1", "-name", "portal-*")
UNITS = "replica-portal-*-replica-*"
ON_MASTER_MINUTES = 10
"""On a master other runs work as well; what is older is nobody's."""


async def discard(ctx: Context, host: Host, *paths: str) -> None:
    """Remove files and folders, and say which of them were there."""
    found = await queries.existing(host, *paths)
    if found:
        await host.run("rm", "-rf", "--", *found)
        ctx.log(f"Removed on {host.name}: {', '.join(found)}")
    else:
        ctx.log(f"Not there on {host.name}: {', '.join(paths)}")


async def drop_empty(host: Host, *folders: str) -> None:
    """Remove folders that hold nothing any more, the innermost first."""
    await host.run("rmdir", "--", *folders, check=False)


async def sweep_replica(ctx: Context) -> None:
    replica = await ctx.host("replica")
    await _sweep(ctx, replica, *FOLDERS, "-xdev", "-name", DRAFTS)
    await _sweep(ctx, replica, *IN_RUN)
    await drop_empty(replica, "/run/replica-portal")


async def sweep_master(ctx: Context) -> None:
    master, age = await ctx.host("master"), ("-mmin", f"+{ON_MASTER_MINUTES}")
    await _sweep(ctx, master, "/var/lib/ipa", "-xdev", "-maxdepth", "1", "-name", DRAFTS, *age)
    await _sweep(ctx, master, *IN_RUN, *age)


async def stop_commands(ctx: Context, pattern: str = UNITS) -> None:
    """End long commands of earlier runs on the replica's host: nothing may be made there any more."""
    replica = await ctx.host("replica")
    for unit in await loaded(replica, pattern):
        await detached.clean(replica, unit.removesuffix(".service"))
        ctx.log(f"Stopped on {replica.name}: {unit}")


async def loaded(host: Host, *patterns: str) -> list[str]:
    """The units of these names that are at work, or have ended and were not heard to their end."""
    return [name for name, _ in await _units(host, *patterns)]


async def unfinished(host: Host, *patterns: str) -> list[str]:
    """Those of them that are at work or failed."""
    return [name for name, state in await _units(host, *patterns) if state != "exited"]


async def _units(host: Host, *patterns: str) -> list[tuple[str, str]]:
    """Name and state (SUB) of each."""
    listed = await host.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", *patterns)
    lines = [line.split() for line in listed.text.splitlines()]
    # A description may have lines of its own.
    return [(words[0], words[3]) for words in lines if len(words) > 3 and words[0].endswith(".service")]


async def _sweep(ctx: Context, host: Host, *where: str) -> None:
    """Places that are not there are fine."""
    found = await queries.find(host, *where)
    if found:
        await discard(ctx, host, *found)

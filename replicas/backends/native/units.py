"""systemd units on the replica."""

from __future__ import annotations

from replicas.errors import CommandFailed, StepError
from replicas.lifecycle.base import Context

SECONDS = 120.0


async def active(ctx: Context, *units: str) -> bool:
    replica = await ctx.host("replica")
    shown = await replica.run("systemctl", "is-active", *units, check=False)
    return shown.text.split() == ["active"] * len(units)


async def start(ctx: Context, *units: str) -> None:
    """Enable and (re)start them. Raises StepError with the last line of the journal when one does not come up."""
    replica = await ctx.host("replica")
    await replica.run("systemctl", "enable", "--quiet", *units)
    try:
        await replica.run("systemctl", "restart", *units, timeout=SECONDS)
    except CommandFailed as error:
        failed = [unit for unit in units if not await active(ctx, unit)] or list(units)
        shown = await replica.run("journalctl", "--unit", failed[0], "--lines=1", "--output=cat", check=False)
        raise StepError(
            f"{failed[0]} does not start on {replica.name}: {shown.text.strip() or error.message}",
            f"Look at journalctl --unit {failed[0]} on {replica.name}, then try again.",
        ) from error


async def stop(ctx: Context, *units: str) -> None:
    replica = await ctx.host("replica")
    await replica.run("systemctl", "disable", "--now", "--quiet", *units, check=False)

"""systemd units on the replica."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from replicas.clients import queries
from replicas.errors import CommandFailed, StepError
from replicas.lifecycle.base import Context

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

SECONDS = 120.0
BEFORE = "units_before"
ERROR = re.compile(r"\bERR\b|\berror\b|\bfatal\b|\bcannot\b|\bno such\b|\bdenied\b", re.IGNORECASE)
STAMP = re.compile(r"^\[[^]]*\] - (ERR - )?")
"""What the Directory Server puts before each line."""


async def active(ctx: Context, *units: str) -> bool:
    replica = await ctx.host("replica")
    return all(unit.active for unit in await queries.units(replica, *units))


async def start(ctx: Context, *units: str) -> None:
    """Enable and (re)start them. Raises StepError with what the journal says when one does not come up."""
    replica = await ctx.host("replica")
    await _remember(ctx, *units)
    await replica.run("systemctl", "enable", "--quiet", *units)
    await _restart(ctx, *units)


async def force_restart(ctx: Context, unit: str) -> None:
    """Kill it, as it may not react any more, and start it anew; for what holds nothing that would be missed."""
    await (await ctx.host("replica")).run("systemctl", "kill", "--signal=KILL", unit, check=False)
    await _restart(ctx, unit)


async def _restart(ctx: Context, *units: str) -> None:
    replica = await ctx.host("replica")
    try:
        await replica.run("systemctl", "restart", *units, timeout=SECONDS)
    except CommandFailed as error:
        failed = [unit for unit in units if not await active(ctx, unit)] or list(units)
        raise StepError(
            f"{failed[0]} does not start on {replica.name}: {await _cause(replica, failed[0]) or error.message}",
            f"Look at journalctl --unit {failed[0]} on {replica.name}, then try again.",
            retryable=error.retryable,
        ) from error


async def _cause(replica: Host, unit: str) -> str:
    """The first error of its last start, which later ones only follow from; without any, the last line it wrote."""
    start = (await replica.run("systemctl", "show", "--property=InvocationID", "--value", unit, check=False)).text
    matches = (f"_SYSTEMD_INVOCATION_ID={start.strip()}", "+", f"INVOCATION_ID={start.strip()}")
    shown = await replica.run("journalctl", "--output=cat", *matches, check=False)
    lines = [line.strip() for line in shown.text.splitlines() if line.strip()]
    return STAMP.sub("", next(filter(ERROR.search, lines), lines[-1] if lines else ""))


async def stop(ctx: Context, *units: str) -> None:
    """Stop and disable them, and say which of them ran."""
    replica = await ctx.host("replica")
    before = await queries.units(replica, *units)
    await replica.run("systemctl", "disable", "--now", "--quiet", *units, check=False, timeout=SECONDS)
    await replica.run("systemctl", "reset-failed", *units, check=False)
    ran = [unit.name for unit in before if unit.state != "inactive"]
    ctx.log(f"Stopped on {replica.name}: {', '.join(ran)}" if ran else f"Nothing runs of {', '.join(units)}")


async def bring_back(ctx: Context, *units: str) -> None:
    """What ran before the replica came runs again."""
    replica, before = await ctx.host("replica"), _before(ctx)
    for unit in units:
        enabled, state = before.get(unit, ("disabled", "inactive"))
        if enabled == "enabled":
            await replica.run("systemctl", "enable", "--quiet", unit, check=False)
        if state == "active":
            await replica.run("systemctl", "start", unit, timeout=SECONDS)
            ctx.log(f"{unit} runs on {replica.name} as before")


async def _remember(ctx: Context, *units: str) -> None:
    """How they were before the first start of the run (fact `units_before`: «unit enabled active»)."""
    known, replica, noted = _before(ctx), await ctx.host("replica"), ctx.facts.get(BEFORE)
    new = [unit for unit in units if unit not in known]
    if not new:
        return
    lines = [f"{unit.name} {unit.enabled} {unit.state}" for unit in await queries.units(replica, *new)]
    await ctx.fact(BEFORE, [*(noted if isinstance(noted, list) else []), *lines])


def _before(ctx: Context) -> dict[str, tuple[str, str]]:
    """Of several notes on a unit, the first is from when the host was blank."""
    noted, found = ctx.facts.get(BEFORE), dict[str, tuple[str, str]]()
    for line in noted if isinstance(noted, list) else []:
        unit, enabled, state = str(line).split()
        found.setdefault(unit, (enabled, state))
    return found

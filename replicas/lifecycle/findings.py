"""The outcome of one pre-flight check: a failure is a finding too, and so is an answer that comes too late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from replicas.errors import PortalError
from replicas.lifecycle.base import Context, Finding

Check = Callable[[Context], Awaitable[str]]
SECONDS = 50.0
"""How long the checks of a plan may take together: less than `preflight.SECONDS`, which would drop all findings."""


def deadline(share: float = 1) -> float:
    """Return when checks that start now have to be done, by the clock of the running loop."""
    return asyncio.get_running_loop().time() + share * SECONDS


async def finding(
    ctx: Context, name: str, blocking: Mapping[str, Check], advisory: Mapping[str, Check], end: float
) -> Finding:
    """Return the finding of the check of that name. A failed advisory check is a warning, a blocking one an error."""
    level: Literal["warning", "error"] = "warning" if name in advisory else "error"
    try:
        async with asyncio.timeout_at(end):
            return Finding(name, "ok", await (advisory[name] if name in advisory else blocking[name])(ctx))
    except PortalError as error:
        return Finding(name, level, error.message, error.remedy)
    except TimeoutError:
        return Finding(
            name,
            level,
            "This check was not done in time.",
            f"See that {ctx.job.replica.hostname}, {ctx.job.master.hostname} and the name servers in their "
            "/etc/resolv.conf answer, and check again.",
        )

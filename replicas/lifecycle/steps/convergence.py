"""Wait for what replication has to bring."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps.wording import duration

T = TypeVar("T")

REPLICATED_SECONDS = 330.0
"""How long a change may take to reach another server.

A supplier that could not reach its consumer pauses for 3 s, then for twice as long each time, 5 minutes at most.
"""
QUIET_SECONDS = 1.0
"""A wait that is shorter is the usual course of replication, and not worth a line in the log."""
FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0


async def converged(ctx: Context, attempt: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
    """Return what `attempt` returns, repeating it while it raises StepError.

    The log gets each reason for waiting once, and how long it took. Raises the last StepError after `seconds`, which
    are REPLICATED_SECONDS unless given.
    """
    begun, reason, pause = time.monotonic(), "", FIRST_PAUSE
    limit = REPLICATED_SECONDS if seconds is None else seconds
    while True:
        try:
            result = await attempt()
        except StepError as error:
            waited = time.monotonic() - begun
            if waited > limit:
                raise
            if waited >= QUIET_SECONDS and error.message != reason:
                reason = error.message
                ctx.log(f"Waiting for replication, up to {limit:.0f} s: {reason}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)
        else:
            if reason:
                ctx.log(f"Replication caught up after {duration(time.monotonic() - begun)}")
            return result

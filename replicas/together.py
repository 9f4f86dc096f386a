"""Several things at the same time, of which none goes on when one has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def together(*works: Coroutine[Any, Any, T]) -> list[T]:
    """What each returned, in their order.

    Raises what the first one raised that failed, after the others were cancelled and have ended: asyncio.gather would
    leave them at work on the hosts, and their own failures to nobody.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

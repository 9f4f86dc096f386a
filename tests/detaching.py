"""What the engine's `ctx.command` does, without the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from replicas.clients import detached
from replicas.clients.ssh import Host


async def command(
    host: Host,
    unit: str,
    argv: list[str],
    on_output: Callable[[str, int], None],
    *,
    offset: int = 0,
    input: bytes | None = None,
    timeout: float = 3600,
    prepare: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Start it unless it is there, and follow it."""
    if not await detached.loaded(host, unit):
        if prepare is not None:
            await prepare()
        await detached.start(host, unit, argv, input)
    return await detached.follow(host, unit, on_output, offset, timeout)

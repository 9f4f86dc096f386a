"""What the engine's `ctx.command` does, without the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from replicas.clients import detached
from replicas.clients.ssh import Host
from replicas.lifecycle.job import Role


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
    scratch: str = "",
    on_shown: Callable[[str], None] = lambda text: None,
) -> int:
    """Start it unless it is there, and follow it."""
    if not await detached.loaded(host, unit):
        if prepare is not None:
            await prepare()
        await detached.start(host, unit, argv, input, scratch)
    return await detached.follow(host, unit, on_output, offset, timeout, on_shown)


class Detaching:
    """What contexts by hand have in common: commands, and a run that stays theirs; the rest has `host` and `log`."""

    host: Callable[[Role], Coroutine[Any, Any, Host]]
    log: Callable[[str], None]

    def check(self) -> None:
        """Nobody else has a run without the engine."""

    async def command(
        self,
        role: Role,
        name: str,
        argv: list[str],
        *,
        input: bytes | None = None,
        timeout: float = 3600,
        prepare: Callable[[], Awaitable[None]] | None = None,
        heard: Callable[[str], None] | None = None,
        scratch: str = "",
        shown: Callable[[str], None] = lambda text: None,
    ) -> int:
        host, unit = await self.host(role), f"test-{name}"

        def told(text: str, _: int) -> None:
            self.log(text)
            if heard is not None:
                heard(text)

        try:
            return await command(
                host,
                unit,
                argv,
                told,
                input=input,
                timeout=timeout,
                prepare=prepare,
                scratch=scratch,
                on_shown=shown,
            )
        finally:
            await detached.clean(host, unit)

"""Long commands of a run on its hosts: started once, followed by whoever works on the run, removed in the end."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from replicas.clients import detached
from replicas.errors import HostError
from replicas.lifecycle.job import Role
from replicas.stream.writer import LogWriter

if TYPE_CHECKING:
    from replicas.lifecycle.context import RunContext

TOKEN = "command_token"  # noqa: S105 - names a fact
"""Fact: what keeps the units of this run apart from those of any other portal's runs."""
PREFIX = "replica-portal"


class Commands:
    """The detached units of one run. `Run.offsets` names each that was ever heard of, and how far it was read."""

    def __init__(self, ctx: RunContext, writer: LogWriter) -> None:
        self._ctx, self._writer = ctx, writer
        self._ended: set[str] = set()

    async def run(
        self,
        role: Role,
        name: str,
        argv: list[str],
        input: bytes | None,
        timeout: float,
        prepare: Callable[[], Awaitable[None]] | None,
        listener: Callable[[str], None] | None = None,
        scratch: str = "",
        shown: Callable[[str], None] = lambda text: None,
    ) -> int:
        """See Context.command."""
        host, unit = await self._ctx.host(role), await self._unit(role, name)
        if await detached.loaded(host, unit):
            self._ctx.log(f"{argv[0]} goes on in the unit {unit} of {host.name}", "debug")
        else:
            self._writer.forget(unit)
            if prepare is not None:
                await prepare()
            # Stored before the start, so that whoever takes over knows of the unit.
            self._writer.write(f"Running {argv[0]} on {host.name}", "debug", source=(unit, 0))
            await self._ctx.store()
            await detached.start(host, unit, argv, input, scratch)

        def heard(text: str, offset: int) -> None:
            self._writer.write(text, source=(unit, offset))
            if listener is not None:
                listener(text)

        status = await detached.follow(host, unit, heard, self._writer.offsets.get(unit, 0), timeout, shown)
        self._ended.add(unit)
        return status

    async def tidy(self, stop: bool = False) -> None:
        """Remove what is left of commands that have ended, and with `stop` every command of the run. Best effort."""
        for unit in tuple(self._writer.offsets) if stop else tuple(self._ended):
            try:
                await detached.clean(await self._ctx.host(role_of(unit)), unit)
            except HostError as error:
                self._ctx.log(f"The unit {unit} was not removed: {error.message}", "debug")
            else:
                self._writer.forget(unit)
        self._ended.clear()

    async def _unit(self, role: Role, name: str) -> str:
        token = self._ctx.facts.get(TOKEN)
        if not isinstance(token, str):
            token = secrets.token_hex(6)
            await self._ctx.fact(TOKEN, token)
        return f"{PREFIX}-{token}-{role}-{name}"


def role_of(unit: str) -> Role:
    return cast(Role, unit.removeprefix(f"{PREFIX}-").split("-")[1])

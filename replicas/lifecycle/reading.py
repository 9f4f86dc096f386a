"""What checks get to work with before there is a run: the hosts and the passwords, and nothing that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from replicas.errors import HostError, PortalError, StepError, WrongPassword
from replicas.lifecycle.base import Level, SecretName
from replicas.lifecycle.job import JSON, Endpoint, Job, Role

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

CLOSE_SECONDS = 5


class ReadingContext:
    """A Context that only reads: facts live as long as it does, its log goes nowhere, and it starts no commands."""

    def __init__(
        self,
        job: Job,
        secrets: Mapping[str, str],
        connect: Callable[[Endpoint], Awaitable[Host]],
        refused: dict[str, PortalError] | None = None,
    ) -> None:
        """`refused` are secrets that must not be tried, by name with the reason; rejected ones are added to it."""
        self.job = job
        self._refused = {} if refused is None else refused
        self._secrets, self._connect = secrets, connect
        self._facts: dict[str, JSON] = {}
        self._opening: dict[Role, asyncio.Future[Host]] = {}

    def check(self) -> None:
        """Nobody else does this at the same time."""

    async def host(self, role: Role) -> Host:
        """Asked once: what waits for a host that does not answer waits together."""
        if role not in self._opening:
            self._opening[role] = asyncio.ensure_future(self._connect(getattr(self.job, role)))
        return await asyncio.shield(self._opening[role])

    def secret(self, name: SecretName) -> str:
        if error := self._refused.get(name):
            raise type(error)(error.message, error.remedy)
        if name not in self._secrets:
            raise StepError(
                f"The {name.replace('_', ' ')} password of {self.job.realm.name} is not stored, "
                "and was not given for this run.",
                "Enter it with the request, for that run only; or have an administrator store it («Set passwords» on "
                "the page of the master).",
            )
        return self._secrets[name]

    def has(self, name: SecretName) -> bool:
        return name in self._secrets

    def rejected(self, name: SecretName, error: WrongPassword) -> None:
        self._refused.setdefault(name, error)

    def mask(self, *values: str | bytes) -> None:
        """There is no log."""

    def log(self, text: str, level: Level = "info") -> None:
        """There is no log."""

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
        raise StepError(f"A check does not start {argv[0]}.")

    def progress(self, done: int, total: int, unit: str = "") -> None:
        """Nobody follows it."""

    @property
    def facts(self) -> Mapping[str, JSON]:
        return MappingProxyType(self._facts)

    async def fact(self, key: str, value: JSON) -> None:
        self._facts[key] = value

    async def close(self) -> None:
        for opening in self._opening.values():
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await (await opening).close()
            except (HostError, OSError, TimeoutError):
                continue

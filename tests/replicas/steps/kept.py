"""A context on real connections that keeps what steps report."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from lab import Host as LabHost
from lab import Lab
from replicas.clients import ssh
from replicas.errors import WrongPassword
from replicas.lifecycle.base import Level, SecretName
from replicas.lifecycle.job import JSON, Endpoint, Job, Role
from tests.detaching import Detaching


def endpoint(host: LabHost) -> Endpoint:
    return Endpoint(host.name, str(host.address), host.public_key)


class KeptContext(Detaching):
    """What the engine's context does, kept in lists."""

    def __init__(self, job: Job, lab: Lab, stack: AsyncExitStack) -> None:
        self.job, self.lab, self._stack = job, lab, stack
        self.lines: list[tuple[Level, str]] = []
        self.steps: list[tuple[int, int, str]] = []
        self.masked: list[str | bytes] = []
        self.facts: dict[str, JSON] = {}
        self._hosts: dict[str, asyncio.Task[ssh.Host]] = {}

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)

    async def host(self, role: Role) -> ssh.Host:
        if role not in self._hosts:
            self._hosts[role] = asyncio.ensure_future(self._connect(role))
        return await self._hosts[role]

    async def _connect(self, role: Role) -> ssh.Host:
        where = self.job.master if role == "master" else self.job.replica
        return await self._stack.enter_async_context(await ssh.connect(where, self.lab.ssh_key))

    def secret(self, name: SecretName) -> str:
        return str(getattr(self.lab.secrets, name))

    def has(self, name: SecretName) -> bool:
        return name != "keytab"

    def rejected(self, name: SecretName, error: WrongPassword) -> None:
        raise error

    def mask(self, *values: str | bytes) -> None:
        self.masked += values

    def log(self, text: str, level: Level = "info") -> None:
        self.lines.append((level, text))

    def progress(self, done: int, total: int, unit: str = "") -> None:
        self.steps.append((done, total, unit))

    async def fact(self, key: str, value: JSON) -> None:
        self.facts[key] = value

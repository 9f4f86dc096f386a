"""Run a plan without the engine: a context in memory, with real hosts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from lab import Lab
from replicas.clients.ssh import Host, connect
from replicas.errors import StepError, WrongPassword
from replicas.lifecycle.base import Level, SecretName, Step
from replicas.lifecycle.job import JSON, Endpoint, Job, Options, RealmFacts, Role
from tests.detaching import Detaching


@dataclass
class Driver(Detaching):
    """The Context that steps see, and what they said."""

    job: Job
    key: Path
    passwords: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    masked: list[str | bytes] = field(default_factory=list)
    moved: list[tuple[str, int, int]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    _facts: dict[str, JSON] = field(default_factory=dict)
    _hosts: dict[Role, Host] = field(default_factory=dict)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def host(self, role: Role) -> Host:
        async with self._opening:
            if role not in self._hosts:
                self._hosts[role] = await connect(getattr(self.job, role), self.key)
            return self._hosts[role]

    def secret(self, name: SecretName) -> str:
        if name not in self.passwords:
            raise StepError(f"no {name}")
        return self.passwords[name]

    def has(self, name: SecretName) -> bool:
        return name != "keytab"

    def rejected(self, name: SecretName, error: WrongPassword) -> None:
        raise error

    def mask(self, *values: str | bytes) -> None:
        self.masked += values

    def log(self, text: str, level: Level = "info") -> None:
        self.lines.append(text)
        print(f"{time.monotonic():.2f} {level:7} {text}")  # noqa: T201 - pytest shows it when a test fails

    def progress(self, done: int, total: int, unit: str = "") -> None:
        self.moved.append((unit, done, total))

    @property
    def facts(self) -> Mapping[str, JSON]:
        return MappingProxyType(self._facts)

    async def fact(self, key: str, value: JSON) -> None:
        self._facts[key] = value

    async def close(self) -> None:
        for host in self._hosts.values():
            await host.close()
        self._hosts.clear()

    async def run(self, steps: Iterable[Step]) -> None:
        for step in steps:
            start = time.monotonic()
            self.log(step.title)
            if not await step.done(self):
                await step.run(self)
                assert await step.done(self), f"{step.key} is not done after it ran"
            self.seconds[step.key] = round(time.monotonic() - start, 2)

    async def undo(self, steps: Iterable[Step]) -> None:
        for step in reversed(tuple(steps)):
            await step.undo(self)


def job_for(lab: Lab, replica: str, options: Options) -> Job:
    """An installation of one of the lab's blank hosts."""
    endpoints = [Endpoint(host.name, str(host.address), host.public_key) for host in (lab.master, lab.host(replica))]
    authority = lab.master.read("/etc/ipa/ca.crt")
    realm = RealmFacts("EXAMPLE.COM", "example.com", "dc=example,dc=com", "native", lab.options.dns, authority)
    return Job("install", realm, endpoints[0], endpoints[1], options)


def driver_for(lab: Lab, job: Job) -> Driver:
    passwords = {"directory_manager": lab.secrets.directory_manager, "admin": lab.secrets.admin}
    return Driver(job, lab.ssh_key, passwords)

"""What a step gets to work with: connections, secrets, the log, progress and facts of one run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from replicas.errors import HostError, StepError, WrongPassword
from replicas.lifecycle.base import Level, SecretName
from replicas.lifecycle.commands import Commands
from replicas.lifecycle.job import JSON, UPLOADS, Endpoint, Job, Role
from replicas.lifecycle.lease import Lease
from replicas.lifecycle.store import Progress, Store
from replicas.stream.writer import LogWriter

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

PROGRESS_SECONDS = 0.2
Connect = Callable[[Endpoint], Awaitable["Host"]]


class RunContext:
    """The engine's Context. Everything but `write`-like calls belongs to the run's event loop."""

    def __init__(
        self,
        job: Job,
        facts: Mapping[str, JSON],
        secrets: Mapping[str, str],
        lease: Lease,
        writer: LogWriter,
        connect: Connect,
    ) -> None:
        self.job = job
        self.step = 0
        self._facts = dict(facts)
        self._secrets = secrets
        self._lease, self._writer, self._connect = lease, writer, connect
        self._store = Store(writer)
        self.commands = Commands(self, writer)
        self._hosts: dict[Role, Host] = {}
        """Each host that was reached at least once, by its latest connection."""
        self._opening: dict[Role, asyncio.Lock] = {"master": asyncio.Lock(), "replica": asyncio.Lock()}
        self._progress: Progress | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._shown = 0.0

    def check(self) -> None:
        self._lease.check()

    async def host(self, role: Role) -> Host:
        self._lease.check()
        async with self._opening[role]:
            host = self._hosts.get(role)
            if host is None or not host.connected:
                host = self._hosts[role] = await self._connect(getattr(self.job, role))
                host.guard = self._lease.check
                host.sessions.notify = self.log
            return host

    def secret(self, name: SecretName) -> str:
        self._lease.check()
        if name not in self._secrets and name in UPLOADS:
            raise StepError(
                f"The {name.replace('_', ' ')} that was uploaded is wiped: an earlier attempt has ended.",
                "Upload it once more with «Retry from this step».",
            )
        if name not in self._secrets:
            raise StepError(
                f"The {name.replace('_', ' ')} password of {self.job.realm.name} is not stored, "
                "and was not given for this run.",
                "Enter it with «Retry from this step», for that run only; "
                "or have an administrator store it («Set passwords» on the page of the master), and retry.",
            )
        return self._secrets[name]

    def has(self, name: SecretName) -> bool:
        return name in self._secrets

    def rejected(self, name: SecretName, error: WrongPassword) -> None:
        """The step fails with the error, and the run stops."""

    def mask(self, *values: str | bytes) -> None:
        self._writer.redactor.add(*values)

    def log(self, text: str, level: Level = "info") -> None:
        self._writer.write(text, level)

    @property
    def facts(self) -> Mapping[str, JSON]:
        return MappingProxyType(self._facts)

    async def fact(self, key: str, value: JSON) -> None:
        self._lease.check()
        self._facts[key] = value
        await self.store()

    async def store(self) -> None:
        """Everything logged and all facts so far; when this returns, they survive a kill. Raises LeaseLost."""
        await self._store.facts(dict(self._facts))

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
        return await self.commands.run(role, name, argv, input, timeout, prepare, heard, scratch, shown)

    def progress(self, done: int, total: int, unit: str = "") -> None:
        self._progress = Progress(done, total, self._writer.redactor.clean(unit))
        if self._timer is None:
            wait = self._shown + PROGRESS_SECONDS - time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(max(0, wait), self._show_progress)

    @property
    def met(self) -> bool:
        """Whether both hosts were reached: then an error of the network is likely to pass."""
        return len(self._hosts) == len(self._opening)

    @property
    def reached(self) -> list[Host]:
        """The hosts to which a connection is open."""
        return [host for host in self._hosts.values() if host.connected]

    def milestones(self) -> dict[str, int]:
        """How far the run is: each fact, how far each command's output was read, and the progress of the step."""
        found = {f"fact {key}": 1 for key in self._facts} | {
            f"unit {name}": n for name, n in self._writer.offsets.items()
        }
        if self._progress is not None:
            found[f"progress {self._progress.unit}"] = self._progress.done
        return found

    async def settle(self) -> Progress | None:
        """End a step: what it said last about its progress, and nothing older is written after this."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._store.settle()
        last, self._progress = self._progress, None
        return last

    async def close(self) -> None:
        for host in self._hosts.values():
            try:
                async with asyncio.timeout(5):
                    await host.close()
            except (HostError, OSError, TimeoutError) as error:
                self._writer.write(f"The connection to {host.name} was not closed cleanly: {error}", "debug")
        self._store.close()

    def _show_progress(self) -> None:
        self._timer = None
        self._shown = time.monotonic()
        if self._progress is not None:
            self._store.progress(self.step, self._progress)

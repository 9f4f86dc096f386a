"""A backend in memory's place: its hosts are a folder, its steps leave files there, and tests can stop it anywhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from replicas.clients.host import Host, Result
from replicas.errors import DirectoryLost, HostUnreachable, StepError
from replicas.hostside.follow import Output
from replicas.lifecycle.base import (
    Capabilities,
    Context,
    Finding,
    Health,
    PasswordName,
    Record,
    SecretName,
    Step,
    Touch,
)
from replicas.lifecycle.context import RunContext
from replicas.lifecycle.job import JSON, Action, Endpoint, Job
from replicas.lifecycle.symptoms import Symptom
from replicas.lifecycle.undo import undo

LINES = 20
PORTS = 300
CLAIM = "prepare-at"


class World:
    """The folder that stands for the hosts of one replica, and the test's hand on what happens there."""

    def __init__(self, hostname: str) -> None:
        self.path = Path(os.environ["TWIN_WORLD"]) / hostname
        self.path.mkdir(parents=True, exist_ok=True)

    def effects(self) -> list[str]:
        log = self.path / "effects"
        return log.read_text().split() if log.exists() else []

    def tell(self, key: str, what: str) -> None:
        """Make a step do what it would not do by itself: pause at a point, fail, crash, or lie."""
        (self.path / f"{what}-{key}").touch()

    def told(self, key: str, what: str) -> bool:
        return (self.path / f"{what}-{key}").exists()

    def go_on(self, key: str, what: str) -> None:
        (self.path / f"{what}-{key}").unlink()

    def reached(self, key: str, point: str) -> Path:
        return self.path / f"at-{point}-{key}"


class TwinHost:
    """Nothing to talk to, but for what its file systems have (df)."""

    connected = True
    guard: Callable[[], None]

    def __init__(self, name: str) -> None:
        self.name = name
        self.sessions = SimpleNamespace()  # for who is notified of waits, of which a twin has none

    async def run(self, program: str, *rest: object, **more: object) -> Result:
        assert program == "df"
        full = World(self.name).told("df", "full")
        shown = f"1B-blocks Avail Inodes IFree Mounted on\n{10**10} {0 if full else 10**9} 0 - /var\n"
        return Result(0, shown.encode(), b"")

    async def close(self) -> None:
        return None


async def connect(endpoint: Endpoint) -> Host:
    if World(endpoint.hostname).told("host", "gone"):
        raise HostUnreachable(f"{endpoint.hostname} did not answer.")
    return cast(Host, TwinHost(endpoint.hostname))


class TwinStep(Step):
    """Leaves a file, which must not be there yet: doing it twice fails."""

    stage = "install"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("file", f"file {self.key}")]

    async def done(self, ctx: Context) -> bool:
        world = World(ctx.job.replica.hostname)
        await pause(world, self.key, "before")
        return (world.path / self.key).exists() and not world.told(self.key, "lie")

    async def run(self, ctx: Context) -> None:
        world = World(ctx.job.replica.hostname)
        for number in range(1, LINES + 1):
            ctx.log(f"{self.key} line {number} of {LINES}")
            ctx.progress(number, LINES, "lines")
        ctx.log("what the worker knows: " + ctx.secret("admin"))
        if world.told(self.key, "follow"):
            await follow(world, self.key, cast(RunContext, ctx))
        await pause(world, self.key, "inside")
        if world.told(self.key, "closed"):
            check_ports(ctx)
        if world.told(self.key, "fail"):
            raise StepError(f"{self.key} failed with {ctx.secret('admin')}", "Try again.")
        if world.told(self.key, "cut"):
            await ctx.host("master")
            await ctx.host("replica")
            raise HostUnreachable("The connection to the replica was lost.")
        if world.told(self.key, "silent"):
            raise DirectoryLost("The master's directory did not answer.")
        if world.told(self.key, "crash"):
            raise RuntimeError(ctx.secret("admin"))
        await ctx.host("replica")
        with (world.path / self.key).open("x"), (world.path / "effects").open("a") as log:
            log.write(f"{self.key}\n")
        await ctx.fact(f"{self.key}-at", os.getpid())
        await pause(world, self.key, "after")

    async def undo_host(self, ctx: Context) -> None:
        world = World(ctx.job.replica.hostname)
        await pause(world, self.key, "undoing")
        if world.told(self.key, "stay"):
            raise StepError(f"{self.key} cannot be undone now", "Try again.")
        (world.path / self.key).unlink(missing_ok=True)
        ctx.log(f"{self.key} is undone")


def check_ports(ctx: Context) -> None:
    """One of many is closed."""
    for port in range(1, PORTS + 1):
        bad = port == PORTS // 2
        ctx.log(f"port {port}: {'FAILED' if bad else 'OK'}", "error" if bad else "info")
    raise StepError("A port is closed.", "Open it.")


async def follow(world: World, key: str, ctx: RunContext) -> None:
    """Log what another process writes to a file, as the engine follows a detached command, until it has ended."""
    output, ended = world.path / f"output-{key}", world.path / f"ended-{key}"
    printed, final = Output(str(output), ctx.commands._writer.offsets.get(key, 0)), False
    while not final:
        final = ended.exists()  # asked before reading: what came before the end is then surely in the file
        while data := printed.piece(final):
            ctx.commands._writer.write(data.decode(), source=(key, printed.offset))
            await asyncio.sleep(0)
        if printed.shown:
            ctx.progress(LINES, LINES, f"lines, {printed.shown.decode()}")
        await asyncio.sleep(0.02)
    ctx.commands._writer.forget(key)


async def pause(world: World, key: str, point: str) -> None:
    if world.told(key, point):
        world.reached(key, point).touch()
    while world.told(key, point):
        await asyncio.sleep(0.005)


class Prepare(TwinStep):
    key, title, stage = "prepare", "Preparing", "prepare"

    async def undo_realm(self, ctx: Context) -> None:
        ctx.log("prepare is undone in the realm")


class Seal(TwinStep):
    key, title, stage = "seal-bundle", "Sealing the bundle", "prepare"

    async def run(self, ctx: Context) -> None:
        await ctx.fact("bundle_sha256", "ab" * 32)
        await ctx.fact("bundle_size", 4711)
        await ctx.fact("certificate_serials", {"dirsrv": "17"})
        await super().run(ctx)


class Install(TwinStep):
    key, title = "install", "Installing"

    async def run(self, ctx: Context) -> None:
        await ctx.fact("bundle_opened", ctx.facts["bundle_sha256"])
        await super().run(ctx)


class Records(TwinStep):
    key, title = "records", "Adding records"


class TwinBackend:
    """The interface of a backend, without a realm."""

    kind = "twin"
    title = "Twin"
    symptoms: tuple[Symptom, ...] = ()

    secrets: tuple[PasswordName, ...] = ("directory_manager", "admin")
    serial: frozenset[Action] = frozenset()
    takes_keytab = False
    actions: frozenset[Action] = frozenset(("install", "dns", "records", "undo", "remove", "revoke"))
    options: frozenset[str] = frozenset()

    def needs(self, action: Action) -> tuple[PasswordName, ...]:
        return self.secrets

    def offered(self, versions: Mapping[str, str], offers: Mapping[str, JSON]) -> frozenset[str]:
        return self.options

    async def register(self, master: Host, passwords: Mapping[str, str]) -> Capabilities:
        return Capabilities("EXAMPLE.COM", "example.com", "dc=example,dc=com", True, True, "")

    async def prove(self, ctx: Context, name: SecretName) -> None:
        """Accept everything."""

    async def preflight(self, ctx: Context) -> list[Finding]:
        return []

    async def look(self, ctx: Context) -> Health:
        return Health((), (), (), ())

    def steps(self, job: Job) -> tuple[Step, ...]:
        steps: tuple[Any, ...] = (Prepare(), Seal(), Install())
        if job.action in ("undo", "remove"):
            return undo(steps, CLAIM, job)
        return (*steps, Records()) if job.action == "records" else steps

    def records(self, job: Job) -> tuple[Record, ...]:
        return ()


class Registry:
    """Knows the twin only."""

    def get(self, kind: str) -> TwinBackend:
        return {"twin": TwinBackend}[kind]()

"""An open connection to a host: commands, programs and files over a multiplexed SSH connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import asyncssh

from replicas.clients import login
from replicas.clients.programs import launch
from replicas.clients.sessions import Dial, Sessions
from replicas.clients.stream import Stream, parse, refuse
from replicas.errors import CommandFailed, HostUnreachable, StepError
from replicas.lifecycle.job import Endpoint

TIMED_OUT = 124  # the status of timeout(1)
KILL_SECONDS = 5
NEEDS_TERMINAL = b"you must have a tty"
"""What sudo says where requiretty is set. Names of accounts may have the same letters."""
READ_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """What a command answered; a negative status is the signal that ended it."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")


class Host:
    """One connection, many commands at once. Use as an async context manager, or call `close`."""

    def __init__(self, endpoint: Endpoint, connection: asyncssh.SSHClientConnection, dial: Dial | None = None) -> None:
        self.endpoint = endpoint
        self._connection = connection
        self.sessions = Sessions(endpoint.hostname, connection, dial)
        self.guard: Callable[[], None] = lambda: None
        """Asked before anything is sent, and raises when nothing may be: a lease that ran out, for one."""

    @property
    def name(self) -> str:
        return self.endpoint.hostname

    @property
    def address(self) -> str:
        return self.endpoint.address

    @property
    def connected(self) -> bool:
        return self.sessions.connected

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self.sessions.close()

    async def run(
        self, *argv: str, input: bytes | str | None = None, timeout: float = 60, check: bool = True
    ) -> Result:
        """Run one command as root with LC_ALL=C. Raises CommandFailed (status 124: too slow) and HostUnreachable."""
        data = input.encode() if isinstance(input, str) else input
        # sshd does not pass on signals to root's processes, so the host itself has to end what takes too long.
        limit = ("timeout", f"--kill-after={KILL_SECONDS}", f"{timeout:g}")
        async with self.process(*limit, *argv, stdin=bool(data)) as process:
            try:
                stdout, stderr = await asyncio.wait_for(process.communicate(data or None), timeout + 3 * KILL_SECONDS)
            except TimeoutError as error:
                raise self.lost() from error
            except BrokenPipeError:
                # It ended without reading its input; its status and message say why.
                await process.wait_closed()
                stdout, stderr = process.collect_output()
            result = Result(self.status(process), stdout or b"", stderr or b"")
        if result.status == TIMED_OUT:
            raise CommandFailed(self.name, argv[0], TIMED_OUT, f"not finished within {timeout:g} s")
        if result.status and check:
            raise self.failed(argv, result)
        return result

    async def python(
        self, program: str, payload: Mapping[str, Any], timeout: float = 60, data: bytes = b""
    ) -> dict[str, Any]:
        """Run `hostside/PROGRAM.py` under the host's Python, and return the object that it prints last.

        Source, payload (one JSON line) and `data` go over standard input. An answer {"error", "remedy"} raises
        StepError, or the error that its "kind" names.
        """
        argv, head = launch(program, payload)
        result = await self.run(*argv, input=head + data, timeout=timeout, check=False)
        lines = result.stdout.splitlines()
        answer = parse(lines[-1]) if lines else None
        if answer is not None:
            refuse(answer)
        if result.status or answer is None:
            errors = result.stderr.decode("utf-8", "replace")
            raise CommandFailed(self.name, f"hostside/{program}", result.status, errors)
        return answer

    @contextlib.asynccontextmanager
    async def stream(self, program: str, payload: Mapping[str, Any]) -> AsyncIterator[Stream]:
        """Run a hostside program that prints JSON lines until its standard input ends, as it does on leaving."""
        argv, head = launch(program, payload)
        async with self.process(*argv) as process:
            # A program that ended without reading its input says why, with its status.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(head)
            stream = Stream(self.name, program, process, self.status)
            try:
                yield stream
            finally:
                await stream.close()

    @contextlib.asynccontextmanager
    async def process(self, *argv: str, stdin: bool = True) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
        """The raw process, for callers that copy bytes themselves; ended when the context is left.

        What a login prints comes before its output, and is left out. Raises HostUnreachable, HostError when the command
        does not begin, and CommandFailed when sudo refuses it.
        """
        start = login.prepare(argv, sudo=self.endpoint.user != "root")
        try:
            pipe = asyncssh.PIPE if stdin else asyncssh.DEVNULL
            async with self.sessions.process(start.command, pipe, lambda: self.guard()) as process:
                await self._begin(process, start, argv)
                self.guard()  # again, as the host took its time: what goes over standard input goes now
                try:
                    yield process
                except asyncssh.DisconnectError as error:
                    raise self.lost() from error
        except asyncssh.Error as error:
            raise self.lost() from error

    async def _begin(self, process: login.Process, start: login.Launch, argv: tuple[str, ...]) -> None:
        """Wait until the command itself begins. Raises HostError, CommandFailed."""
        user, begun = self.endpoint.user, 0
        try:
            for mark in start.marks:
                await login.skip(process, mark)
                begun += 1
        except TimeoutError as error:
            if process.is_closing():
                raise  # that of the connection, to which the host sends no answer
            raise login.silent(self.name, user) from error
        except login.NotStarted as error:
            await process.wait_closed()
            status = self.status(process)
            if begun and start.by_sudo:
                raise self._sudo_refuses(argv, Result(status, error.stdout, error.stderr)) from error
            raise login.other_shell(self.name, user, error) from error

    def status(self, process: asyncssh.SSHClientProcess[bytes]) -> int:
        """The exit status of an ended process. Raises HostUnreachable when it ended because the connection did."""
        if process.returncode is None:
            raise self.lost()
        return process.returncode

    def lost(self) -> HostUnreachable:
        return HostUnreachable(
            f"The SSH connection to {self.name} ({self.address}) was lost.",
            "It is opened again on the next try; if that fails as well, look at the host and the network between.",
        )

    def failed(self, argv: tuple[str, ...], result: Result, remedy: str = "") -> CommandFailed:
        output = (result.stderr.strip() or result.stdout).decode("utf-8", "replace")
        return CommandFailed(self.name, argv[0], result.status, output, remedy)

    def _sudo_refuses(self, argv: tuple[str, ...], result: Result) -> CommandFailed:
        user = self.endpoint.user
        if NEEDS_TERMINAL in result.stderr:
            remedy = f'Let sudo work without a terminal on {self.name}: add "Defaults:{user} !requiretty".'
        elif b"password" in result.stderr:
            remedy = f"Let {user} use sudo without a password on {self.name}."
        else:
            remedy = f'Let {user} run any command as root on {self.name}: "sudo -n -- sh -c true" must succeed there.'
        return self.failed(argv, result, remedy)

    async def read(self, path: str, limit: int = READ_LIMIT) -> bytes:
        """The content of a file. Raises CommandFailed when it is not there, StepError when it is longer."""
        data = (await self.run("head", "-c", str(limit + 1), "--", path)).stdout
        if len(data) > limit:
            raise StepError(f"{path} on {self.name} is longer than {limit} bytes.")
        return data

    async def write(self, path: str, data: bytes | str, mode: int = 0o600, owner: str = "root:root") -> bool:
        """Put a file in place atomically, and tell whether anything changed. Raises StepError, a full disk included."""
        content = data.encode() if isinstance(data, str) else data
        facts = {"path": path, "mode": mode, "owner": owner, "size": len(content)}
        answer = await self.python("write", facts, data=content)
        return bool(answer["changed"])

    async def exists(self, path: str) -> bool:
        return (await self.run("test", "-e", path, check=False)).status == 0

    async def remove(self, *paths: str) -> None:
        """Remove files; one that is not there is fine."""
        await self.run("rm", "-f", "--", *paths)


__all__ = ["Host", "Result", "Stream"]

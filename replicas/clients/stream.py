"""Talking with a program that runs on a host: JSON lines out, bytes in."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from typing import Any

import asyncssh

from replicas.errors import BundleError, CommandFailed, DnsError, PortalError, StepError, WrongPassword

# What a hostside program's answer {"error", "remedy", "kind"} is raised as; without a kind it is a StepError.
KINDS: dict[str, type[PortalError]] = {kind.__name__: kind for kind in (WrongPassword, BundleError, DnsError)}


class Stream:
    """The JSON lines of a running program. Leaving its context, or `close`, ends the program on the host."""

    CLOSE_SECONDS = 5

    def __init__(
        self,
        host: str,
        program: str,
        process: asyncssh.SSHClientProcess[bytes],
        status: Callable[[asyncssh.SSHClientProcess[bytes]], int],
    ) -> None:
        self._host, self._program, self._process, self._status = host, program, process, status

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self._lines()

    async def _lines(self) -> AsyncIterator[dict[str, Any]]:
        while line := await self._process.stdout.readline():
            answer = parse(line)
            if answer is None:
                continue
            refuse(answer)
            yield answer
        await self._process.wait_closed()
        if status := self._status(self._process):
            errors = (await self._process.stderr.read()).decode("utf-8", "replace")
            raise CommandFailed(self._host, f"hostside/{self._program}", status, errors)

    async def answering(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
        """Send the pieces to the program's standard input meanwhile, as fast as it takes them."""
        sending = asyncio.create_task(self._send(pieces))
        try:
            async for line in self:
                yield line
        finally:
            sending.cancel()
            # A program that ended early said why; that it took no more input says nothing.
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await sending

    async def _send(self, pieces: AsyncIterable[bytes]) -> None:
        async for piece in pieces:
            self._process.stdin.write(piece)
            await self._process.stdin.drain()
        self._process.stdin.write_eof()

    async def close(self) -> None:
        """End the program by ending its standard input, and wait for that; hostside programs that stream heed it."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.stdin.write_eof()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait_closed(), self.CLOSE_SECONDS)


def refuse(answer: Mapping[str, Any]) -> None:
    if "error" in answer:
        raise KINDS.get(answer.get("kind", ""), StepError)(answer["error"], answer.get("remedy", ""))


def parse(line: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(line)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None

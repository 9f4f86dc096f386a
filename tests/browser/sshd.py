"""An SSH server that has a host key and lets nobody in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import NamedTuple

import asyncssh


class Sshd(NamedTuple):
    """Where it listens, and what its host key is."""

    address: str
    port: int
    fingerprint: str


@contextmanager
def sshd() -> Iterator[Sshd]:
    """In a thread of its own, until the block ends."""
    began: Future[tuple[Sshd, Callable[[], object]]] = Future()
    thread = Thread(target=lambda: asyncio.run(_serve(began)))
    thread.start()
    server, stop = began.result(10)
    try:
        yield server
    finally:
        stop()
        thread.join(10)


async def _serve(began: Future[tuple[Sshd, Callable[[], object]]]) -> None:
    key, loop, end = asyncssh.generate_private_key("ssh-ed25519"), asyncio.get_running_loop(), asyncio.Event()
    async with asyncssh.listen("127.0.0.1", 0, server_host_keys=[key]) as acceptor:
        server = Sshd("127.0.0.1", acceptor.get_port(), key.get_fingerprint("sha256"))
        began.set_result((server, lambda: loop.call_soon_threadsafe(end.set)))
        await end.wait()

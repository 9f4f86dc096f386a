"""The portal's two processes, as one machine runs them: the web server and the worker."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
WORKER = ("manage.py", "worker")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def free_port(wanted: int = 0) -> int:
    """`wanted` if nobody listens there, else any free port of the loopback interface."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """For a child to call first: Linux ends it when its parent is gone, kill -9 included (PR_SET_PDEATHSIG)."""

    def set_signal() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, number)

    return set_signal


@contextmanager
def process(arguments: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A child that writes to `log`, and is asked to end (killed after 10 s) when the block ends."""
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: PLW1509  the function only calls prctl
            arguments,
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends them in order
            preexec_fn=die_with_parent(),
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def portal(data: Path, environment: dict[str, str], port: int = 8000, worker: Sequence[str] = WORKER) -> Iterator[str]:
    """Web server and worker on the database in `data`; gives the address once the portal answers there."""
    port = free_port(port)
    address = f"http://127.0.0.1:{port}"
    web = [sys.executable, "-m", "uvicorn", "portal.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
    web += ["--ws-per-message-deflate", "false"]
    with ExitStack() as stack:
        server = stack.enter_context(process([*web, "--no-access-log"], data / "web.log", environment))
        stack.enter_context(process([sys.executable, *worker], data / "worker.log", environment))
        wait_until_it_answers(address, server, data / "web.log")
        yield address


def wait_until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            httpx.get(f"{address}/healthz").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"The portal does not answer at {address}. The last lines of {log}:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])

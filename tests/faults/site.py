"""A portal as several machines run it, on one: PostgreSQL and Redis of its own, web servers and workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from script import services
from script.processes import ROOT, free_port, process, wait_until_it_answers

SECRET_KEY = {"PORTAL_SECRET_KEY": "of-all-machines"}


class Site:
    """Its servers can be stopped, killed and started again one by one."""

    def __init__(self, folder: Path, database: services.PostgreSQL, queue: services.Redis, stack: ExitStack) -> None:
        self.folder, self.database, self.queue, self._stack = folder, database, queue, stack
        self.world = folder / "world"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        """The last one of each name."""
        self._workers: list[subprocess.Popen[bytes]] = []
        self.act("prepare")

    def act(self, *words: str) -> str:
        """Something that a person does; returns what it prints (see acts.py)."""
        argv = [sys.executable, "-m", "tests.faults.acts", *words]
        environment = os.environ | self._environment(self.folder / "desk")
        done = subprocess.run(argv, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def web(self, name: str = "web") -> str:
        """Start a web server; its address."""
        port = free_port()
        argv = [sys.executable, "-m", "uvicorn", "portal.asgi:application", "--port", str(port), "--no-access-log"]
        argv += ["--ws-per-message-deflate", "false"]
        server = self.run(name, argv)
        address = f"http://127.0.0.1:{port}"
        wait_until_it_answers(address, server, self.folder / f"{name}.log")
        return address

    def worker(self, name: str = "worker") -> None:
        """Start a worker that has no files in common with those of other names."""
        self._workers.append(self.run(name, [sys.executable, "-m", "tests.faults.acts", "worker"]))

    def kill_workers(self) -> None:
        while self._workers:
            worker = self._workers.pop()
            worker.kill()
            worker.wait()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database answers, over a connection of its own."""
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def run(self, name: str, argv: list[str]) -> subprocess.Popen[bytes]:
        """Start a program on the site's services; it writes to the log of that name."""
        log = self.folder / f"{name}.log"
        started = self._stack.enter_context(process(argv, log, self._environment(self.folder / name)))
        self.processes[name] = started
        return started

    def _environment(self, data: Path) -> dict[str, str]:
        urls = {"DATABASE_URL": self.database.url, "REDIS_URL": self.queue.url}
        return SECRET_KEY | urls | {"PORTAL_DATA_DIR": str(data), "TWIN_WORLD": str(self.world)}


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A new portal, with nobody at work yet."""
    kinds: tuple[Callable[[Path], services.Server], ...] = (services.PostgreSQL, services.Redis)
    with services.running(*kinds) as (database, queue), ExitStack() as stack:
        assert isinstance(database, services.PostgreSQL)
        assert isinstance(queue, services.Redis)
        yield Site(folder, database, queue, stack)

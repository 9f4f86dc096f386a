"""Real worker processes on the test database, forked from one that has Django loaded, so that tests can kill many."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections


def work(prepare: Callable[[], None], changes: dict[str, int]) -> None:
    """What a worker does once it is forked: `manage.py worker`, after what the tests want different."""
    for name, value in changes.items():
        setattr(settings, name.upper(), value)
    prepare()
    call_command("worker")


def use_database(name: str) -> None:
    connections["default"].settings_dict["NAME"] = name


def use_twin(database: str, world: str) -> None:
    """The twin as the backend."""
    from tests.replicas.lifecycle import rows

    os.environ["TWIN_WORLD"] = world
    use_database(database)
    rows.use_twin()


def clog(prepare: Callable[[], None]) -> None:
    """Before `prepare`: tasks that do not end wait for every thread that would take them."""
    from replicas import tasks
    from replicas.lifecycle import preflight

    preflight.check_all = lambda drafts: time.sleep(600)
    for _ in range(20):
        tasks.check_table(str(uuid.uuid4()))
    prepare()


class Workers:
    """Starts workers, and kills at the end what is left of them. `prepare` runs in each, before its work."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        self.prepare = prepare
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.replicas.lifecycle.preload"])
        self._started: list[BaseProcess] = []

    def start(self, lease_seconds: int = 60, **changes: int) -> BaseProcess:
        """`changes` are settings, in lower case."""
        given = {"lease_seconds": lease_seconds, "sweep_seconds": 1, "look_seconds": 0, **changes}
        process = self._context.Process(target=work, args=(self.prepare, given))
        process.start()
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.join()
            process.close()


def freeze(worker: BaseProcess) -> None:
    """Stop it in all its threads, and not while it writes: SQLite has one writer, for whom everybody else waits."""
    assert worker.pid is not None
    while True:
        os.kill(worker.pid, signal.SIGSTOP)
        while not frozen(worker):
            time.sleep(0.001)
        if _writable():
            return
        thaw(worker)
        time.sleep(0.02)


def frozen(worker: BaseProcess) -> bool:
    """Return whether all its threads have stopped."""
    threads = Path(f"/proc/{worker.pid}/task")
    return all((one / "stat").read_text().rpartition(")")[2].split()[0] == "T" for one in threads.iterdir())


def thaw(worker: BaseProcess) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGCONT)


def _writable() -> bool:
    """PostgreSQL ends a transaction that nobody goes on with."""
    if connection.vendor != "sqlite":
        return True
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=1, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
    return True

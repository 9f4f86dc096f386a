"""Real worker processes on the test database, forked from one that has Django loaded, so that tests can kill many."""

from __future__ import annotations

import multiprocessing
import os
import time
import uuid
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from django.conf import settings
from django.core.management import call_command
from django.db import connections


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

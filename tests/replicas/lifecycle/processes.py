"""Real worker processes on the test database, forked from one that has Django loaded, so that tests can kill many."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.process import BaseProcess

from django.conf import settings
from django.core.management import call_command
from django.db import connections


def work(database: str, world: str, lease_seconds: int) -> None:
    """What a worker does once it is forked: `manage.py worker`, with the twin as the backend."""
    from tests.replicas.lifecycle.rows import use_twin

    os.environ["TWIN_WORLD"] = world
    connections["default"].settings_dict["NAME"] = database
    settings.LEASE_SECONDS, settings.SWEEP_SECONDS = lease_seconds, 1
    use_twin()
    call_command("worker")


class Workers:
    """Starts workers, and kills at the end what is left of them."""

    def __init__(self, database: str, world: str) -> None:
        self._database, self._world = database, world
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.replicas.lifecycle.preload"])
        self._started: list[BaseProcess] = []

    def start(self, lease_seconds: int = 60) -> BaseProcess:
        process = self._context.Process(target=work, args=(self._database, self._world, lease_seconds))
        process.start()
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.join()
            process.close()

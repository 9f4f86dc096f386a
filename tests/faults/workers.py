"""What a worker is told when it is forked: its database, its keys, and at which points to die.

The points are exact because the worker kills itself, by SIGKILL, which nothing in it can catch or delay. They wrap the
engine here, in the test's process; the product knows nothing of them. A number is a point, too: so many seconds after
the step began, or when it is over, before its row says so, if that is sooner. So no step gets away.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from replicas.backends.native.steps import initialize
from replicas.lifecycle import records, runner
from replicas.lifecycle.base import Step
from tests.replicas.lifecycle.processes import use_database

POINTS = {
    "before": "before its row says that it runs",
    "started": "after its row says that it runs",
    "ran": "after it ran and was proved",
    "proved": "before its row says that it is done",
    "noted": "after its row says that it is done",
}
Order = tuple[str, str | float]
"""A step, and a point of it."""


def use_hosts(database: str, data: str, ssh_key: str, keys: str, orders: str) -> None:
    """The real backends, with the settings of the test's process."""
    settings.DATA_DIR, settings.SSH_KEY_FILE, settings.SECRET_KEYS_FILE = Path(data), Path(ssh_key), Path(keys)
    use_database(database)
    _obey(Orders(Path(orders)))


def impatient(prepare: Callable[[], None], seconds: float) -> None:
    """Before `prepare`: an initialization that stands still is given up after `seconds`."""
    initialize.STALLED_SECONDS = seconds
    prepare()


def words(point: str | float) -> str:
    """Of the fault, for the table."""
    return f"kill -9 {POINTS[point]}" if isinstance(point, str) else f"kill -9 {point:.2f} s inside"


class Orders:
    """Points at which a worker is to get a signal, each once, in a file: SIGKILL, or SIGSTOP until it is thawed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def give(self, *orders: Order, number: int = signal.SIGKILL) -> None:
        self._write(list(orders), number)

    def left(self) -> list[Order]:
        return self._read()[0]

    def reach(self, step: str, point: str | float) -> None:
        """Send this process the signal, if it is so ordered."""
        left, number = self._read()
        if (step, point) in left:
            left.remove((step, point))
            self._write(left, number)
            os.kill(os.getpid(), number)

    def moment(self, step: str) -> float | None:
        """The next one inside the step."""
        return next((point for key, point in self.left() if key == step and isinstance(point, float)), None)

    def _read(self) -> tuple[list[Order], int]:
        if not self.path.exists():
            return [], signal.SIGKILL
        orders, number = json.loads(self.path.read_text())
        return [(step, point) for step, point in orders], number

    def _write(self, orders: list[Order], number: int) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps([orders, number]))
        draft.rename(self.path)


def _obey(orders: Orders) -> None:
    rows, execution = records.StepRows, runner.Execution
    start, finish, do = rows.start, rows.finish, execution._do

    def key(self: Any, index: int) -> str:
        return str(self._run.plan.steps[index - 1]["key"])

    def started(self: Any, index: int) -> None:
        orders.reach(key(self, index), "before")
        start(self, index)
        orders.reach(key(self, index), "started")
        if moment := orders.moment(key(self, index)):
            timer = threading.Timer(moment, orders.reach, (key(self, index), moment))
            timer.daemon = True
            timer.start()

    def finished(self: Any, index: int, *rest: Any) -> None:
        if moment := orders.moment(key(self, index)):
            orders.reach(key(self, index), moment)
        orders.reach(key(self, index), "proved")
        finish(self, index, *rest)
        orders.reach(key(self, index), "noted")

    def done(self: Any, stage: Any, step: Step) -> None:
        do(self, stage, step)
        orders.reach(step.key, "ran")

    rows.start, rows.finish, execution._do = started, finished, done  # type: ignore[method-assign, assignment]

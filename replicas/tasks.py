"""Huey's doors. A task is lost when its worker dies: the row of the run is the truth, and the sweeper queues again."""

from __future__ import annotations

import sys

from huey.contrib.djhuey import HUEY, db_task

from replicas.lifecycle import runner, sweeper


@db_task()  # type: ignore[untyped-decorator]  # Huey has no types
def execute(run_id: int) -> None:
    if runner.execute(run_id):
        sweeper.enqueue_waiting(sys.modules[__name__])


def waiting() -> set[int]:
    """Runs that have a task in the queue."""
    return {task.args[0] for task in HUEY.pending() if isinstance(task, execute.task_class)}

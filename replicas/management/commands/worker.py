"""`manage.py worker`: the process that does the work of runs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from huey.consumer import Consumer
from huey.consumer_options import ConsumerConfig
from huey.contrib.djhuey import HUEY

from replicas import tasks
from replicas.lifecycle import lease
from replicas.lifecycle.recovery import Recovery
from replicas.lifecycle.sweeper import Sweeper

TASK_STOP_SECONDS = 5.0
"""What is no run is asked for again, so that a worker that is stopped need not wait for it."""


class Worker(Consumer):  # type: ignore[misc]  # Huey has no types
    """Huey's consumer, which gives unfinished runs back instead of waiting for them, with one for other tasks."""

    def __init__(self, *args: Any, beside: Consumer, **options: Any) -> None:
        super().__init__(*args, **options)
        self._beside = beside

    def start(self) -> None:
        self._beside.start()
        super().start()  # after it: the signals are this one's

    def stop(self, graceful: bool = False) -> None:
        self.stop_flag.set()
        self._beside.stop_flag.set()
        lease.interrupt_all()
        super().stop(graceful=True)
        self._beside.stop(graceful=True)

    def check_worker_health(self) -> bool:
        return bool(self._beside.check_worker_health()) & bool(super().check_worker_health())


class Command(BaseCommand):
    help = "Works on runs. SIGTERM and Ctrl-C end it and give unfinished runs back to the queue."

    def handle(self, *args: Any, **options: Any) -> None:
        beside = Consumer(tasks.BESIDE, **_options(settings.TASK_WORKERS, shutdown_timeout=TASK_STOP_SECONDS))
        worker = Worker(HUEY, **_options(settings.WORKERS), beside=beside)
        sweeper = Sweeper(tasks, Recovery(tasks.execute.call_local, settings.WORKERS))
        sweeper.start()
        try:
            worker.run()
        finally:
            sweeper.stop()


def _options(workers: int, **more: Any) -> dict[str, Any]:
    """Of a consumer with so many threads."""
    config = ConsumerConfig(
        **settings.HUEY["consumer"], workers=workers, periodic=False, graceful_signal="TERM", **more
    )
    config.validate()
    return dict(config.values)

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
from replicas.lifecycle.sweeper import Sweeper


class Worker(Consumer):  # type: ignore[misc]  # Huey has no types
    """Huey's consumer, which gives unfinished runs back instead of waiting for them."""

    def stop(self, graceful: bool = False) -> None:
        self.stop_flag.set()
        lease.interrupt_all()
        super().stop(graceful=True)


class Command(BaseCommand):
    help = "Works on runs. SIGTERM and Ctrl-C end it and give unfinished runs back to the queue."

    def handle(self, *args: Any, **options: Any) -> None:
        config = ConsumerConfig(**settings.HUEY["consumer"], periodic=False, graceful_signal="TERM")
        config.validate()
        sweeper = Sweeper(tasks)
        sweeper.start()
        try:
            Worker(HUEY, **config.values).run()
        finally:
            sweeper.stop()

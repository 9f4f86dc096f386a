"""Huey on Redis, which may be away for a while: the rows say what there is to do, the queue only says it sooner."""

from __future__ import annotations

import logging
import time
from typing import Any

from huey import RedisHuey
from huey.storage import RedisStorage
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
AGAIN_SECONDS = 1.0


class Storage(RedisStorage):  # type: ignore[misc]  # Huey has no types
    """Waits for an absent Redis with one line a try, where Huey prints a traceback for every thread."""

    def dequeue(self) -> bytes | None:
        try:
            task: bytes | None = super().dequeue()
        except RedisError as error:
            logger.warning("Redis does not answer: %s", error)
            time.sleep(AGAIN_SECONDS)
            return None
        return task

    def read_schedule(self, ts: Any) -> list[bytes]:
        """Runs are never scheduled for later."""
        return []


class Queue(RedisHuey):  # type: ignore[misc]  # Huey has no types
    """A task that could not be queued is no error for the person who asked for it: the sweeper queues it again."""

    storage_class = Storage

    def enqueue(self, task: Any) -> None:
        try:
            super().enqueue(task)
        except RedisError as error:
            logger.warning("%s was not queued, a sweeper will do it: %s", task, error)

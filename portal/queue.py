"""Huey, whose storage may be away for a while: the rows say what there is to do, the queue only says it sooner."""

from __future__ import annotations

import logging
import sqlite3
import time
from typing import Any

from huey import Huey, RedisHuey, SqliteHuey
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


class Patient:
    """A task that could not be queued is no error for the person who asked for it: the sweeper queues it again."""

    away: type[Exception]
    """What the queue's storage raises when it cannot be asked."""

    def enqueue(self, task: Any) -> None:
        try:
            super().enqueue(task)  # type: ignore[misc]  # Huey's, beside which this class stands
        except self.away as error:
            logger.warning("%s was not queued, a sweeper will do it: %s", task, error)


class Queue(Patient, RedisHuey):  # type: ignore[misc]  # Huey has no types
    """On Redis."""

    storage_class = Storage
    away = RedisError


class LocalQueue(Patient, SqliteHuey):  # type: ignore[misc]  # Huey has no types
    """In a file, which may be locked for long, or on a full disk."""

    away = sqlite3.Error


def beside(queue: Huey) -> Huey:
    """Another queue in the same storage: what waits in one keeps nothing in the other waiting."""
    options = {"results": False, "immediate": queue.immediate, "serializer": queue.serializer}
    return type(queue)(f"{queue.name}-beside", **options, **queue.storage_kwargs)

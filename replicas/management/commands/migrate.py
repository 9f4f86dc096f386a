"""`manage.py migrate`, while runs are under way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK_SECONDS = 2
AGAIN_SECONDS = 3.0
GIVE_UP_SECONDS = 600.0
LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"


class Command(migrate.Command):
    """Django's own; on PostgreSQL it waits for no lock for long, since everybody who comes after it would wait too."""

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        give_up = time.monotonic() + GIVE_UP_SECONDS
        with impatient(connection):
            while not self._done(give_up, *args, **options):
                time.sleep(AGAIN_SECONDS)

    def _done(self, give_up: float, *args: Any, **options: Any) -> bool:
        """Whether it went through; what was applied before a lock was in the way stays, and is not done again."""
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state not in (LOCK_NOT_AVAILABLE, DEADLOCK) or time.monotonic() > give_up:
                raise
            self.stderr.write("Somebody works with the table. Runs go first; trying again.")
            return False
        return True


@contextmanager
def impatient(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Short waits for locks, and as long as it takes for everything else."""
    limits = {
        "lock_timeout": f"{LOCK_SECONDS}s",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
    }
    with connection.cursor() as cursor:
        for name, value in limits.items():
            cursor.execute(f"SET {name} = '{value}'")
    yield
    with connection.cursor() as cursor:
        for name in limits:
            cursor.execute(f"RESET {name}")

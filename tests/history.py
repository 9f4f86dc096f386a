"""The history without its guards: what only the owner of the database can do, and what emptying a test's takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

TABLE = "replicas_auditevent"


@contextmanager
def unguarded() -> Iterator[None]:
    """No trigger watches the history within the block."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
            guards = [f"ALTER TABLE {TABLE} ENABLE TRIGGER USER"]
        else:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
            found = cursor.fetchall()
            guards = [sql for _, sql in found]
            for name, _ in found:
                cursor.execute(f"DROP TRIGGER {name}")
    yield
    with connection.cursor() as cursor:
        for guard in guards:
            cursor.execute(guard)

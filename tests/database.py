"""What only the owner of the database can do: read all of it, and write to the history."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.postgresql.creation import DatabaseCreation

HISTORY = "replicas_auditevent"


def content() -> bytes:
    """Everything that the database keeps: SQLite's file with its journal, or all rows of PostgreSQL as text."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            # By another process: closing the file in this one would drop the locks that SQLite holds on it.
            return subprocess.run(["cat", connection.settings_dict["NAME"]], check=True, capture_output=True).stdout
        rows: list[str] = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608
            rows += [row for (row,) in cursor.fetchall()]
        return "\n".join(rows).encode()


def drop(creation: DatabaseCreation, name: str, verbosity: int) -> None:
    """The test's database, whoever is connected to it."""
    with creation._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(f"DROP DATABASE {creation.connection.ops.quote_name(name)} WITH (FORCE)")


@contextmanager
def unguarded() -> Iterator[None]:
    """No trigger watches the history within the block."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {HISTORY} DISABLE TRIGGER USER")
            guards = [f"ALTER TABLE {HISTORY} ENABLE TRIGGER USER"]
        else:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [HISTORY])
            found = cursor.fetchall()
            guards = [sql for _, sql in found]
            for name, _ in found:
                cursor.execute(f"DROP TRIGGER {name}")
    yield
    with connection.cursor() as cursor:
        for guard in guards:
            cursor.execute(guard)

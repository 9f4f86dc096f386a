"""A process that follows a file into a run's log, as the engine follows a detached command; tests kill it."""

from __future__ import annotations

from django.db import connections

from replicas.hostside.follow import Output
from replicas.lifecycle import lease as leases
from replicas.stream.redaction import Redactor
from replicas.stream.writer import LogWriter

UNIT = "unit"
SECRET = "correct-horse-battery"


def follow(database: str, run_id: int, path: str) -> None:
    """To the end of the file, from where the last one was stored."""
    connections["default"].settings_dict["NAME"] = database
    lease = leases.claim(run_id)
    assert lease is not None
    with LogWriter(run_id, lease.fence, Redactor(SECRET)) as writer:
        offset = writer.offsets.get(UNIT, 0)
        while data := Output(path, offset).piece(final=True):
            data = data[: data.rfind(b"\n", 0, 8000) + 1]  # some 200 lines: batches end between pieces
            offset += len(data)
            writer.write(data.decode(), source=(UNIT, offset))

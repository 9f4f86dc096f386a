"""A queue whose storage does not answer."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from portal.queue import LocalQueue


def test_a_task_that_cannot_be_queued_is_left_to_the_sweeper(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever approves a plan must not get an error after his approval is stored."""
    queue = LocalQueue("portal", filename=str(tmp_path / "queue.sqlite3"), timeout=0.05, results=False)
    task = queue.task()(abs)
    with closing(sqlite3.connect(tmp_path / "queue.sqlite3")) as other, caplog.at_level(logging.WARNING):
        other.execute("BEGIN EXCLUSIVE")
        task(-1)
    assert "database is locked" in caplog.text
    assert queue.pending() == []
    task(-1)
    assert [queued.args for queued in queue.pending()] == [(-1,)]
    queue.storage.close()

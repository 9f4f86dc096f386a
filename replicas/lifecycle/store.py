"""Durable writes on behalf of a running step, off its event loop and in order."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from django.db import DatabaseError, connection

from replicas.lifecycle.fencing import LeaseLost, fenced
from replicas.lifecycle.job import JSON
from replicas.models import StepRun
from replicas.models.runs import UNIT_CHARS
from replicas.stream.writer import LogWriter

logger = logging.getLogger(__name__)


class Progress(NamedTuple):
    """How far a step is."""

    done: int
    total: int
    unit: str

    def fields(self) -> dict[str, int | str]:
        unit = self.unit[:UNIT_CHARS]
        return {"progress_done": self.done, "progress_total": self.total, "progress_unit": unit}


class Store:
    """One thread with one database connection; it writes as the holder of `fence` or not at all."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer, self._run_id, self._fence = writer, writer.run_id, writer.fence
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"store-{writer.run_id}")

    async def facts(self, facts: dict[str, JSON]) -> None:
        """All facts of the run so far; when this returns, they survive a kill. Raises LeaseLost.

        What was logged before is stored with them: a fact never claims work whose lines are lost.
        """
        await asyncio.get_running_loop().run_in_executor(self._pool, self._write_facts, facts)

    def progress(self, index: int, progress: Progress) -> None:
        """In the background, for show: what is lost here is no harm."""
        self._pool.submit(self._write_progress, index, progress).add_done_callback(_report)

    async def settle(self) -> None:
        """Until everything handed over so far is written."""
        await asyncio.get_running_loop().run_in_executor(self._pool, int)

    def close(self) -> None:
        self._pool.submit(_disconnect)
        self._pool.shutdown()

    def _write_facts(self, facts: dict[str, JSON]) -> None:
        self._writer.flush(facts=facts)

    def _write_progress(self, index: int, progress: Progress) -> None:
        with fenced(self._run_id, self._fence):
            StepRun.objects.filter(run_id=self._run_id, index=index).update(**progress.fields())


def _disconnect() -> None:
    """To be called in the thread whose connection it is: which one is meant, `connection` tells when it is used."""
    connection.close()


def _report(future: Future[None]) -> None:
    error = future.exception()
    if isinstance(error, (LeaseLost, DatabaseError)):
        logger.info("Progress was not stored: %s", error)

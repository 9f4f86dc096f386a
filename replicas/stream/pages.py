"""Pages of a log as readers get them: read and encoded once for all who follow the run."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from channels.db import database_sync_to_async

from replicas.stream import ansi, lines
from replicas.stream.chunks import Line

PAGE_LINES = 1000
KEPT = 32
"""Pages that followers who are not far apart find ready; a stored line never changes."""


def plain(line: Line) -> dict[str, Any]:
    """A line as run.js knows it; `spans` only where there are colours."""
    seq, at, level, step, text = line
    shown: dict[str, Any] = {"seq": seq, "at": at.isoformat(), "level": level, "step": step, "text": ansi.plain(text)}
    if ansi.ESCAPE in text:
        shown["spans"] = ansi.spans(text)
    return shown


class Pages:
    """The pages that were asked for last. Belongs to one event loop."""

    def __init__(self) -> None:
        self._reading: dict[tuple[int, int, int], asyncio.Task[str]] = {}

    async def after(self, run_id: int, cursor: int, last: int) -> tuple[str, int]:
        """JSON of the lines after the cursor, and the number of its last one.

        Pages end at round numbers, so that readers who begin anywhere soon ask for the same ones.
        """
        end = min(cursor - cursor % PAGE_LINES + PAGE_LINES, last)
        key = (run_id, cursor, end)
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(_read(*key))
            reading.add_done_callback(lambda task: self._forget_failed(key, task))
            if len(self._reading) > KEPT:
                del self._reading[next(iter(self._reading))]
        if reading.done():
            return reading.result(), end
        # One reader who goes away must not take the page from the others.
        return await asyncio.shield(reading), end

    def _forget_failed(self, key: tuple[int, int, int], task: asyncio.Task[str]) -> None:
        if (task.cancelled() or task.exception() is not None) and self._reading.get(key) is task:
            del self._reading[key]


async def _read(run_id: int, after: int, end: int) -> str:
    text: str = await database_sync_to_async(_encoded, thread_sensitive=False)(run_id, after, end)
    return text


def _encoded(run_id: int, after: int, end: int) -> str:
    page = [plain(line) for line in lines.page(run_id, after, end - after)]
    return json.dumps(page, separators=(",", ":"), ensure_ascii=False)

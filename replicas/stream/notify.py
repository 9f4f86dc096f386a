"""Telling browsers' sockets that a run has more lines. Best effort: whoever misses it reads the row a little later."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

logger = logging.getLogger(__name__)


def group(run_id: int) -> str:
    return f"run.{run_id}"


def crosses_processes() -> bool:
    """Whether what a worker sends reaches the web server. The in-memory layer lives in one process."""
    return not isinstance(get_channel_layer(), InMemoryChannelLayer)


def reached(run_id: int, seq: int) -> None:
    """«Run N has reached seq S», sent in the background: a slow or absent layer never holds up a log."""
    if crosses_processes():
        _sender().submit(_send, run_id, seq).add_done_callback(_report)


@cache
def _sender() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="notify")


def _send(run_id: int, seq: int) -> None:
    async_to_sync(get_channel_layer().group_send)(group(run_id), {"type": "run.reached", "run": run_id, "seq": seq})


def _report(future: Future[None]) -> None:
    if error := future.exception():
        logger.info("The channel layer was not told: %s", error)

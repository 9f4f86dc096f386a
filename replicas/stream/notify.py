"""Telling web servers that a run has more lines. Best effort: whoever misses it reads the row a little later."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from channels.layers import InMemoryChannelLayer, get_channel_layer
from redis import RedisError

logger = logging.getLogger(__name__)
GROUP = "runs"
"""One for all runs and one channel for each web server: sockets need not know of the layer, and survive its restart."""
REJOIN_SECONDS = 60
"""A layer that was restarted has forgotten its groups."""
RETRY_SECONDS = 1.0
AWAY = (OSError, RedisError)


def crosses_processes() -> bool:
    """Whether what a worker sends reaches the web server. The in-memory layer lives in one process."""
    return not isinstance(get_channel_layer(), InMemoryChannelLayer)


def reached(run_id: int, seq: int) -> None:
    """«Run N has reached seq S», sent in the background: a slow or absent layer never holds up a log."""
    if crosses_processes():
        _sender().tell(run_id, seq)


async def listen(heard: Callable[[], None]) -> None:
    """Call `heard` whenever some run has more, until cancelled."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    try:
        while True:
            try:
                await layer.group_add(GROUP, channel)
                async with asyncio.timeout(REJOIN_SECONDS):
                    while True:
                        await layer.receive(channel)
                        heard()
            except TimeoutError:
                continue
            except AWAY as error:
                logger.info("The channel layer is away: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        with contextlib.suppress(*AWAY):
            await layer.group_discard(GROUP, channel)


class Sender:
    """One thread that sends. While it waits for the layer, only the newest number of each run is kept.

    Its event loop lasts as long as itself: a layer connects anew for each loop.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="notify")
        self._runner = asyncio.Runner()
        self._lock = threading.Lock()
        self._newest: dict[int, int] = {}

    def tell(self, run_id: int, seq: int) -> None:
        with self._lock:
            idle = not self._newest
            self._newest[run_id] = seq
        if idle:
            self._pool.submit(self._send).add_done_callback(_report)

    def _send(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, {}
        for run_id, seq in newest.items():
            message = {"type": "run.reached", "run": run_id, "seq": seq}
            self._runner.run(get_channel_layer().group_send(GROUP, message))


@cache
def _sender() -> Sender:
    return Sender()


def _report(future: Future[None]) -> None:
    if error := future.exception():
        logger.info("The channel layer was not told: %s", error)

"""The event loop of a run, which can be stopped from outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from replicas.errors import PortalError
from replicas.lifecycle.context import RunContext
from replicas.lifecycle.lease import Lease

T = TypeVar("T")


class StepLoop:
    """The run's event loop; what runs in it is cancelled as soon as the lease is lost or the worker is stopped."""

    def __init__(self, runner: asyncio.Runner, ctx: RunContext, lease: Lease) -> None:
        self.ctx = ctx
        self._runner, self._lease = runner, lease
        self._task: asyncio.Task[Any] | None = None
        lease.on_stop = self._stop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises what the work raises; LeaseLost, Interrupted or Cancelled instead when that is why it ended."""
        try:
            return self._runner.run(self._tracked(work))
        except (asyncio.CancelledError, PortalError):
            self._lease.check()
            self._lease.check_cancel()
            raise

    async def _tracked(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        self._task = task
        try:
            self._lease.check()
            return await task
        finally:
            task.cancel()
            self._task = None

    def _stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the steps are over
            self._runner.get_loop().call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

"""Runs that lost their worker go on in threads of their own: they wait neither for other runs nor for the queue."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection

from replicas.lifecycle.turns import UNDER_WAY
from replicas.models import Run


class Recovery:
    """Threads beside those that take new runs: as many as `most`, which is what a neighbour leaves when it dies.

    More than that are left to other workers, and to whichever thread is free first.
    """

    def __init__(self, work: Callable[[int], object], most: int) -> None:
        self._work, self._most = work, most
        self._threads: dict[int, threading.Thread] = {}

    def look(self) -> None:
        """Take up what is free."""
        self._threads = {run_id: thread for run_id, thread in self._threads.items() if thread.is_alive()}
        for run_id in Run.objects.filter(UNDER_WAY).order_by("pk").values_list("pk", flat=True):
            if len(self._threads) < self._most and run_id not in self._threads:
                self._threads[run_id] = threading.Thread(
                    target=self._carry_on, args=(run_id,), name=f"recovery-{run_id}", daemon=True
                )
                self._threads[run_id].start()

    def join(self) -> None:
        """Until every run has ended or is given back."""
        for thread in self._threads.values():
            thread.join()

    def _carry_on(self, run_id: int) -> None:
        try:
            self._work(run_id)
        finally:
            connection.close()

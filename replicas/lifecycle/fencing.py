"""The guard of every write of the engine: it lands only while the run still belongs to the writer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import F

from replicas.choices import RunState
from replicas.models import Run


class LeaseLost(Exception):
    """Another worker holds the run now. Whoever gets this stops writing."""


@contextmanager
def fenced(run_id: int, fence: int, **changes: Any) -> Iterator[None]:
    """Write `changes` to the run and everything in the block, or nothing. Raises LeaseLost.

    The update comes first: it locks the row, so that no claim can slip in before the block commits.
    """
    with transaction.atomic():
        mine = Run.objects.filter(pk=run_id, fence=fence, state=RunState.RUNNING)
        if mine.update(**(changes or {"fence": F("fence")})) != 1:
            raise LeaseLost(f"Run {run_id} no longer belongs to fence {fence}.")
        yield

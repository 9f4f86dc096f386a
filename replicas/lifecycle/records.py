"""What a run writes about its steps: the intent before a host is touched, the outcome after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F
from django.utils import timezone

from replicas.choices import StepState
from replicas.lifecycle import bundles
from replicas.lifecycle.fencing import fenced
from replicas.lifecycle.job import Job
from replicas.lifecycle.lease import Lease
from replicas.lifecycle.store import Progress
from replicas.models import Run, StepRun


class StepRows:
    """The step rows of one run, written by the holder of its lease. Every method raises LeaseLost."""

    def __init__(self, run: Run, lease: Lease) -> None:
        self._run, self._lease = run, lease
        known = {row.key for row in run.steps.all()}
        with fenced(lease.run_id, lease.fence):
            StepRun.objects.bulk_create(
                StepRun(run=run, index=index, key=step["key"], title=step["title"], stage=step["stage"])
                for index, step in enumerate(run.plan.steps, 1)
                if step["key"] not in known
            )
        self._states = dict(StepRun.objects.filter(run=run).values_list("index", "state"))

    def was(self, index: int) -> str:
        """The state that an earlier attempt left behind."""
        return self._states[index]

    def start(self, index: int) -> None:
        """It is begun, for the first time since it last ended one way or the other, or once more."""
        interrupted = self._states[index] == StepState.RUNNING
        self._write(
            index,
            state=StepState.RUNNING,
            attempt=F("attempt") + 1 if interrupted else 1,
            started_at=timezone.now(),
            finished_at=None,
        )

    def finish(self, index: int, progress: Progress | None, sealed: tuple[Job, Mapping[str, Any]] | None) -> None:
        """Done and proved; what the step meant for the bundle is on record in the same moment."""
        with fenced(self._lease.run_id, self._lease.fence, takeovers=0):
            shown = progress.fields() if progress else {}
            self._write(index, state=StepState.DONE, finished_at=timezone.now(), **shown)
            if sealed is not None:
                bundles.follow(self._run, *sealed)

    def fail(self, state: StepState) -> None:
        """Whatever is running ends in `state`."""
        with fenced(self._lease.run_id, self._lease.fence):
            StepRun.objects.filter(run=self._run, state=StepState.RUNNING).update(
                state=state, finished_at=timezone.now()
            )

    def _write(self, index: int, **changes: Any) -> None:
        with fenced(self._lease.run_id, self._lease.fence):
            StepRun.objects.filter(run=self._run, index=index).update(**changes)

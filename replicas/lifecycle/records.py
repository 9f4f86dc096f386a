"""What a run writes about its steps: the intent before a host is touched, the outcome after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from replicas import audit
from replicas.choices import StepState
from replicas.lifecycle.fencing import fenced
from replicas.lifecycle.job import Job
from replicas.lifecycle.lease import Lease
from replicas.lifecycle.store import Progress
from replicas.models import Bundle, Run, StepRun
from replicas.permissions import Actor


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
        rows = StepRun.objects.filter(run=run)
        self._states = {row.index: row.state for row in rows}
        self._attempts = {row.index: row.attempt for row in rows}

    def was(self, index: int) -> str:
        """The state that an earlier attempt left behind."""
        return self._states[index]

    def attempts(self, index: int) -> int:
        """How often the step was begun, this time included, since it last ended one way or the other."""
        return self._attempts[index]

    def start(self, index: int) -> None:
        interrupted = self._states[index] == StepState.RUNNING
        self._attempts[index] = self._attempts[index] + 1 if interrupted else 1
        self._write(
            index,
            state=StepState.RUNNING,
            attempt=self._attempts[index],
            started_at=timezone.now(),
            finished_at=None,
        )

    def finish(self, index: int, progress: Progress | None, sealed: tuple[Job, Mapping[str, Any]] | None) -> None:
        """Done and proved; with the step that seals the bundle, the bundle exists in the same moment."""
        with fenced(self._lease.run_id, self._lease.fence):
            shown = progress.fields() if progress else {}
            self._write(index, state=StepState.DONE, finished_at=timezone.now(), **shown)
            if sealed is not None:
                self._seal(*sealed)

    def fail(self, state: StepState) -> None:
        """Whatever is running ends in `state`."""
        with fenced(self._lease.run_id, self._lease.fence):
            StepRun.objects.filter(run=self._run, state=StepState.RUNNING).update(
                state=state, finished_at=timezone.now()
            )

    def _write(self, index: int, **changes: Any) -> None:
        with fenced(self._lease.run_id, self._lease.fence):
            StepRun.objects.filter(run=self._run, index=index).update(**changes)

    def _seal(self, job: Job, facts: Mapping[str, Any]) -> None:
        """The row of the bundle that the facts tell of: made once, and renewed when another one is sealed."""
        if Bundle.objects.filter(replica=self._run.plan.replica_id, sha256=facts["bundle_sha256"]).exists():
            return
        bundle, _ = Bundle.objects.update_or_create(
            run=self._run,
            defaults={
                "replica": self._run.plan.replica,
                "path": job.bundle_path,
                "sha256": facts["bundle_sha256"],
                "size": facts["bundle_size"],
                "certificates": facts.get("certificate_serials", {}),
                "expires_at": timezone.now() + timedelta(hours=job.options.bundle_hours),
            },
        )
        after = {"path": bundle.path, "sha256": bundle.sha256, "certificates": bundle.certificates}
        audit.record(Actor.system(), "bundle:seal", bundle, after=after)

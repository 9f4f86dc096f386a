"""How long runs and steps took: one reckoning and one wording for pages, sockets and answers to polls."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from replicas.choices import RUN_TERMINAL, RunState
from replicas.models import Run


class RunTimes(NamedTuple):
    """What of a run's row says how it is and how long it took."""

    state: str
    error: str
    remedy: str
    attempt: int
    started_at: datetime | None
    attempt_started_at: datetime | None
    finished_at: datetime | None


def times(run: Run) -> RunTimes:
    return RunTimes(*(getattr(run, name) for name in RunTimes._fields))


def elapsed(run: RunTimes) -> float | None:
    """Return how long the newest attempt took, or has been running; the time between two attempts does not count."""
    # An older portal's worker notes only when the first attempt began.
    began = run.attempt_started_at or (None if run.state == RunState.QUEUED else run.started_at)
    if began is None:
        return None
    end = run.finished_at if run.state in RUN_TERMINAL and run.finished_at else timezone.now()
    return (end - began).total_seconds()


def run_now(run: RunTimes) -> dict[str, Any]:
    """Return a run as run.js gets it. `took` is what the page shows of a run that has ended."""
    seconds = elapsed(run)
    return {
        "state": run.state,
        "error": run.error,
        "remedy": run.remedy,
        "attempt": run.attempt,
        "seconds": seconds,
        "took": duration(seconds) if run.state in RUN_TERMINAL else "",
    }


def duration(seconds: float | None) -> str:
    """Return a duration in words: `0.4 s`, `12 s`, `2 min 05 s`. run.js counts on in the same words."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"

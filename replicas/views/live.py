"""A run as its page and run.js need it."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from replicas.choices import RunState, StepState
from replicas.models import LogLine, Run, StepRun
from replicas.templatetags.portal_tags import seconds
from replicas.views.stages import by_stage

LINES_A_PAGE = 2000
"""What a page brings along; run.js asks for the rest."""


def live(run: Run, after: int = 0) -> dict[str, Any]:
    """Steps, and the log after that line: context of runs/live.html."""
    lines = list(run.lines.filter(seq__gt=after)[:LINES_A_PAGE])
    cursor = lines[-1].seq if lines else after
    return {
        "run": run,
        "stages": by_stage(run.steps.all(), lambda step: step.stage),
        "lines": lines,
        "cursor": cursor,
        "more": cursor < run.last_seq,
        "before": waits_for(run),
        "states": [
            *StepState.choices,
            *((state.value, state.label) for state in (RunState.QUEUED, RunState.SUCCEEDED)),
        ],
    }


def waits_for(run: Run) -> list[Run]:
    """The runs that a queued one lets pass because its master serves no more at a time."""
    if run.state != RunState.QUEUED:
        return []
    others = Run.objects.filter(plan__replica__master=run.plan.replica.master, state=RunState.RUNNING)
    busy = list(others.select_related("plan__replica").order_by("pk"))
    return busy if len(busy) >= settings.RUNS_PER_MASTER else []


def as_text(line: LogLine) -> str:
    return f"{line.at:%Y-%m-%d %H:%M:%S} {line.level.upper():7} {line.text}\n"


def lines_after(run: Run, after: int) -> dict[str, Any]:
    """The same messages that the socket sends (replicas/stream/consumers.py), in one answer."""
    lines = run.lines.filter(seq__gt=after).values("seq", "at", "level", "step", "text")
    return {
        "lines": list(lines[:LINES_A_PAGE]),
        "last_seq": run.last_seq,
        "run": {"state": run.state, "error": run.error, "remedy": run.remedy},
        "steps": [step_now(step) for step in run.steps.all()],
    }


def step_now(step: StepRun) -> dict[str, Any]:
    return {
        "index": step.index,
        "state": step.state,
        "done": step.progress_done,
        "total": step.progress_total,
        "unit": step.progress_unit,
        "seconds": seconds(step),
    }

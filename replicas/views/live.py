"""A run as its page and run.js need it."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from replicas.choices import RunState, StepState
from replicas.models import Run, StepRun
from replicas.stream import lines
from replicas.stream.chunks import Line
from replicas.stream.pages import plain
from replicas.templatetags.portal_tags import seconds
from replicas.views.stages import by_stage

LINES_A_PAGE = 1000
"""What a page brings along; run.js follows from there."""


def live(run: Run, after: int | None = None) -> dict[str, Any]:
    """Steps, and the log after that line, or else its end: context of runs/live.html."""
    start = max(0, run.last_seq - LINES_A_PAGE) if after is None else after
    shown = lines.page(run.pk, start, min(LINES_A_PAGE, max(0, run.last_seq - start)))
    cursor = shown[-1].seq if shown else start
    return {
        "run": run,
        "stages": by_stage(run.steps.all(), lambda step: step.stage),
        "lines": shown,
        "first": shown[0].seq if shown else 1,
        "earlier": max(0, start - LINES_A_PAGE) if start else None,
        "cursor": cursor,
        "more": cursor < run.last_seq,
        "page_lines": LINES_A_PAGE,
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


def as_text(line: Line) -> str:
    return f"{line.at:%Y-%m-%d %H:%M:%S} {line.level.upper():7} {line.text}\n"


def lines_after(run: Run, after: int) -> dict[str, Any]:
    """The same messages that the socket sends (replicas/stream/consumers.py), in one answer."""
    found = lines.page(run.pk, after, min(LINES_A_PAGE, max(0, run.last_seq - after)))
    return {
        "lines": list(map(plain, found)),
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

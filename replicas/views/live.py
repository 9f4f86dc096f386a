"""A run as its page and run.js need it."""

from __future__ import annotations

from typing import Any

from replicas.choices import RunState, StepState
from replicas.models import LogLine, Run
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
        "states": [*StepState.choices, *((state.value, state.label) for state in (RunState.QUEUED, RunState.SUCCEEDED))],
    }


def as_text(line: LogLine) -> str:
    return f"{line.at:%Y-%m-%d %H:%M:%S} {line.level.upper():7} {line.text}\n"

"""A run as its page and run.js need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replicas import visible
from replicas.choices import RunState, StepState
from replicas.forms.log import LogForm
from replicas.lifecycle.turns import wait_of
from replicas.models import Run, StepRun
from replicas.stream import ansi, lines
from replicas.stream.chunks import Line
from replicas.stream.durations import duration, elapsed, run_now, times
from replicas.stream.find import Found, Query, find
from replicas.stream.pages import plain
from replicas.templatetags.portal_tags import seconds
from replicas.views.stages import by_stage

LINES_A_PAGE = 200
"""What a page brings along, and what run.js asks for when somebody scrolls there."""
LINES_A_POLL = 1000
"""At most so many new ones at a time, while the socket is away."""


def live(run: Run, asked: Mapping[str, Any], after: int | None = None) -> dict[str, Any]:
    """Steps, and the log after that line, or else its end, or what was asked for: context of runs/live.html."""
    steps = list(run.steps.all())
    form = LogForm(steps, asked)
    found = window(run, form.query, after)
    return {
        "run": run,
        "form": form,
        "stages": by_stage(steps, lambda step: step.stage),
        "elapsed": elapsed(times(run)),
        "finished": sum(step.state == StepState.DONE for step in steps),
        "total": len(steps),
        "lines": found.lines,
        "log": {"lines": list(map(plain, found.lines)), "cursor": found.looked},
        "cursor": found.looked,
        "filtered": bool(form.query),
        "more": found.looked < run.last_seq,
        "earlier": earlier(found, form.query),
        "page_lines": LINES_A_PAGE,
        "wait": wait_of(run),
        "states": [
            *StepState.choices,
            *((state.value, state.label) for state in (RunState.QUEUED, RunState.SUCCEEDED)),
        ],
    }


def window(run: Run, query: Query, after: int | None) -> Found:
    """A page of lines: the last ones, unless something is looked for or a number is given."""
    if after is None:
        after = 0 if query else max(0, run.last_seq - LINES_A_PAGE)
    return find(run.pk, query, after, run.last_seq, LINES_A_PAGE)


def earlier(found: Found, query: Query) -> int | None:
    """The cursor of the page before; a search goes forward only."""
    first = found.lines[0].seq if found.lines else 1
    return None if query or first == 1 else max(0, first - 1 - LINES_A_PAGE)


def as_text(line: Line) -> str:
    return f"{line.at:%Y-%m-%d %H:%M:%S} {line.level.upper():7} {visible.mark(ansi.plain(line.text))}\n"


def lines_after(run: Run, after: int) -> dict[str, Any]:
    """The same messages that the socket sends (replicas/stream/consumers.py), in one answer."""
    found = lines.page(run.pk, after, min(LINES_A_POLL, max(0, run.last_seq - after)))
    return {
        "lines": list(map(plain, found)),
        "last_seq": run.last_seq,
        "run": run_now(times(run)),
        "steps": [step_now(step) for step in run.steps.all()],
    }


def lines_found(run: Run, query: Query, after: int) -> dict[str, Any]:
    """What is looked for after that line, or all lines, as far as one look goes."""
    found = find(run.pk, query, after, run.last_seq, LINES_A_PAGE)
    return {"lines": list(map(plain, found.lines)), "looked": found.looked, "last_seq": run.last_seq}


def step_now(step: StepRun) -> dict[str, Any]:
    return {
        "index": step.index,
        "state": step.state,
        "done": step.progress_done,
        "total": step.progress_total,
        "unit": step.progress_unit,
        "seconds": seconds(step),
        "took": duration(seconds(step)) if step.finished_at else "",
    }

"""What a run did until it stopped, in words."""

from __future__ import annotations

from collections.abc import Iterator

from replicas.choices import StepState
from replicas.lifecycle.plan import in_words
from replicas.models import Run

HEADINGS = {StepState.DONE: "Done", StepState.RUNNING: "Perhaps done in part"}


def done_so_far(run: Run) -> Iterator[str]:
    """A line for each step that was begun, and one for each thing that it touches, as the plan says."""
    begun = [row for row in run.steps.order_by("index") if row.state in HEADINGS]
    touches = {step["key"]: step["touches"] for step in run.plan.steps}
    if not begun:
        yield "Nothing was done."
    for row in begun:
        yield f"{HEADINGS[StepState(row.state)]}: {row.title}"
        yield from (f"  {in_words(touch)}" for touch in touches.get(row.key, ()))

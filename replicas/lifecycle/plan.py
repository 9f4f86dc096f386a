"""Freezing a plan, and opening a frozen one again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from replicas.errors import Conflict
from replicas.lifecycle.base import Backend, Step, Touch
from replicas.lifecycle.job import JSON, Job, digest
from replicas.lifecycle.voiding import ask_again
from replicas.models import Plan


def freeze(backend: Backend, job: Job) -> tuple[list[dict[str, JSON]], str]:
    """What the approvers see of the steps, and the digest that they sign."""
    frozen = [_describe(step, job) for step in backend.steps(job)]
    return frozen, digest(job.to_json(), frozen)


def thaw(plan: Plan, backend: Backend) -> tuple[Job, tuple[Step, ...]]:
    """The job and the steps to run. Raises Conflict unless they are exactly what was approved."""
    job = plan.frozen_job()
    steps, _ = freeze(backend, job)
    # The stored job is what was signed: an option that a newer portal knows, with its default, changes nothing.
    if digest(plan.job, plan.steps) != plan.digest or steps != plan.steps:
        raise Conflict(
            "The steps are no longer the ones that were approved: the portal was changed since.",
            f"Nothing more of it runs. {ask_again(plan.action)}",
        )
    return job, backend.steps(job)


def in_words(touch: dict[str, str] | str) -> str:
    """A frozen touch as one line; plans of older portals have the line itself."""
    return touch if isinstance(touch, str) else str(Touch(**touch))  # type: ignore[arg-type]


def lasting(steps: Iterable[dict[str, Any]]) -> list[str]:
    """What of frozen steps cannot be undone: what each of them says, or that it cannot be as a whole."""
    found: list[str] = []
    for step in steps:
        found += step.get("lasting", []) or ([] if step["undoable"] else [step["title"]])
    return list(dict.fromkeys(found))


def _describe(step: Step, job: Job) -> dict[str, JSON]:
    return {
        "key": step.key,
        "title": step.title,
        "stage": step.stage,
        "undoable": step.undoable,
        "touches": [asdict(touch) for touch in step.touches(job)],
        "lasting": list(step.lasting(job)),
    }

"""What is true of a replica after a run that did not finish, by the kind of the run and by how far it came.

The worker writes these texts into the log, in English; pages translate them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from replicas.choices import PLANS_OF_REMOVAL, PlanAction, RunState, StepState
from replicas.lifecycle.symptoms import gettext_noop
from replicas.lifecycle.undo import REMOVAL_BEGUN
from replicas.models import Run

CLAIMED = "replica_claimed"
"""The fact that an installation writes before its first change, in every kind of realm."""


class Progress(NamedTuple):
    """How far a run came: the step in which it ended, or before which it was stopped, and the steps that are done."""

    step: int
    total: int
    title: str
    done: tuple[str, ...]
    stages: frozenset[str]
    """Of the steps that were begun."""


class Ending(NamedTuple):
    """A heading with the places %(step)d, %(total)d and %(action)s, and what is true since and what to do."""

    heading: str
    state: str
    remedy: str


class Wording(NamedTuple):
    """The texts for one kind of run; `untouched` and `changed` are a state and a remedy each."""

    failed: str
    stopped: str
    untouched: tuple[str, str]
    changed: tuple[str, str]


RETRY = gettext_noop("Retry from this step when the cause is gone.")
NOTHING = gettext_noop("Nothing was changed.")
INSTALL = Wording(
    gettext_noop("The installation failed at step %(step)d of %(total)d"),
    gettext_noop("The installation was stopped at step %(step)d of %(total)d"),
    (gettext_noop("Nothing was changed on the hosts or in the realm."), RETRY),
    (
        gettext_noop("The replica is installed in part."),
        gettext_noop("Retry from this step, or undo the installation so that the host is blank again."),
    ),
)
SERVES_IN_PART = (
    gettext_noop("The services of the replica run already, and clients may use them. It is not verified."),
    gettext_noop("Retry from this step. Undo the installation only if the server is not needed."),
)
UNDO = Wording(
    gettext_noop("The undo of the installation failed at step %(step)d of %(total)d"),
    gettext_noop("The undo of the installation was stopped at step %(step)d of %(total)d"),
    (gettext_noop("Nothing was removed yet."), gettext_noop("Finish the undo.")),
    (
        gettext_noop("What the installation left is removed in part."),
        gettext_noop("Finish the undo: it checks what is removed already, and removes the rest."),
    ),
)
REMOVE = Wording(
    gettext_noop("The removal failed at step %(step)d of %(total)d"),
    gettext_noop("The removal was stopped at step %(step)d of %(total)d"),
    (
        gettext_noop("Nothing was changed. The replica serves as before."),
        gettext_noop("Retry the removal if the replica is still to be removed. Otherwise there is nothing to do."),
    ),
    (
        gettext_noop("The replica no longer serves: the removal has taken away part of it."),
        gettext_noop(
            "Finish the removal. It cannot be reversed: if the server is needed again, finish the removal, then "
            "request the replica again."
        ),
    ),
)
REVOKE = Wording(
    gettext_noop("The revocation of the bundle failed at step %(step)d of %(total)d"),
    gettext_noop("The revocation of the bundle was stopped at step %(step)d of %(total)d"),
    (
        gettext_noop("The portal does not accept the bundle any more, but its certificates and files still exist."),
        gettext_noop("Finish the revocation."),
    ),
    (
        gettext_noop(
            "The portal does not accept the bundle any more. Some of its certificates or files may still exist."
        ),
        gettext_noop("Finish the revocation."),
    ),
)
CHANGE = Wording(
    gettext_noop("“%(action)s” failed at step %(step)d of %(total)d"),
    gettext_noop("“%(action)s” was stopped at step %(step)d of %(total)d"),
    (gettext_noop("Nothing was changed. The replica serves as before."), RETRY),
    (
        gettext_noop("The replica stays in the realm. The change may be made in part."),
        gettext_noop("Retry from this step to complete the change."),
    ),
)
REINITIALIZE = CHANGE._replace(
    changed=(
        gettext_noop("The replica stays in the realm, but its copy of the directory may be incomplete."),
        gettext_noop("Retry from this step to complete the initialization."),
    )
)
WORDINGS: dict[str, Wording] = {
    PlanAction.INSTALL: INSTALL,
    PlanAction.UNDO: UNDO,
    PlanAction.REMOVE: REMOVE,
    PlanAction.REVOKE: REVOKE,
    PlanAction.REINITIALIZE: REINITIALIZE,
}
READING = frozenset({"prepare", "check"})
"""Stages whose steps only read, in plans that change a replica that is in service."""
SERVING = frozenset({"verify"})
"""Stages that an installation reaches when the services of the replica run."""


def progress(run: Run) -> Progress:
    """Return how far the run came, by the rows of its steps."""
    rows = list(run.steps.all())
    place = next((at for at, row in enumerate(rows) if row.state != StepState.DONE), max(0, len(rows) - 1))
    done = tuple(row.title for row in rows if row.state == StepState.DONE)
    stages = frozenset(row.stage for row in rows if row.started_at is not None)
    return Progress(place + 1, len(rows), rows[place].title if rows else "", done, stages)


def changed(action: str, facts: Mapping[str, Any], came: Progress) -> bool:
    """Return whether the run may have changed something, on a host or in the realm."""
    if action in PLANS_OF_REMOVAL:
        return bool(facts.get(REMOVAL_BEGUN))
    if action == PlanAction.INSTALL:
        return bool(facts.get(CLAIMED))
    return not came.stages <= READING


def ending(action: str, facts: Mapping[str, Any], state: str, came: Progress) -> Ending:
    """Return what to say of a run of that kind (PlanAction) that ended in `state`, FAILED or CANCELLED (RunState)."""
    wording = WORDINGS.get(action, CHANGE)
    touched = changed(action, facts, came)
    about, remedy = wording.changed if touched else wording.untouched
    if action == PlanAction.INSTALL and touched and came.stages & SERVING:
        about, remedy = SERVES_IN_PART
    heading = wording.stopped if state == RunState.CANCELLED else wording.failed
    return Ending(heading, about, remedy)

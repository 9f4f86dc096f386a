"""Labels and explanations of buttons whose effect depends on the kind of the run and on what is true of the replica."""

from __future__ import annotations

from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from replicas.choices import PlanAction
from replicas.models import Run
from replicas.views.kinds import Subject

Words = tuple[Any, Any] | None
"""A label and an explanation; None for the usual ones."""
STOP = _("Stop now")
STOPS_NOW = _("Ends the command that runs on the host in the middle of its step. The log lists what was done.")
STOPS_NEXT = _("Stops the run before its next step.")
AFTER: dict[str, Any] = {
    PlanAction.INSTALL: _("What is done stays. The installation can be continued from there, or undone."),
    PlanAction.UNDO: _("What is removed by then stays removed. The undo can be finished later."),
    PlanAction.REVOKE: _("The bundle stays revoked. The revocation can be finished later."),
}
AFTER_REMOVAL = _(
    "If the removal has changed something by then, the replica no longer serves, and the removal can only be finished. "
    "Otherwise the replica serves as before."
)
AFTER_CHANGE = _("What is done stays, and the replica stays in the realm. The change can be completed later.")


def retry(subject: Subject) -> Words:
    run = subject.stopped
    if run is None:
        return None
    action = run.plan.action
    if action == PlanAction.REMOVE and subject.replica.removal_begun:
        return _("Finish the removal"), _(
            "Continues with the step at which the removal ended. What is removed already is checked, and the rest is "
            "removed. The approval still holds."
        )
    if action == PlanAction.REMOVE:
        return _("Retry the removal"), _(
            "Nothing was changed yet. First the removal checks again that the realm can do without this replica. The "
            "approval still holds."
        )
    if action == PlanAction.UNDO:
        return _("Finish the undo"), _(
            "Continues with the step at which the undo ended. What is removed already is checked, and the rest is "
            "removed. The approval still holds."
        )
    if action == PlanAction.REVOKE:
        return _("Finish the revocation"), _(
            "Continues with the step at which the revocation ended. The bundle counts as revoked in any case."
        )
    return None


def undo(subject: Subject) -> Words:
    """After an undo that did not finish, another plan is rarely needed."""
    run = subject.run
    if run is None or run.plan.action != PlanAction.UNDO:
        return None
    return _("Request the undo again"), _(
        "Requests a new plan that undoes the installation, for when the approved plan cannot continue: because the "
        "host is gone, its master is lost, or a policy changed. Someone else approves it."
    )


def remove(subject: Subject) -> Words:
    if not subject.replica.removal_begun:
        return None
    return _("Request the removal again"), _(
        "Requests a new plan that finishes the removal, for when the approved plan cannot continue: because the host "
        "is gone, its master is lost, or a policy changed. Someone else approves it."
    )


def cancel(subject: Subject) -> Words:
    """A plan that waits is cancelled; a run is stopped before its next step."""
    run = subject.run
    if run is None or not subject.runs or run.cancel_requested_by:
        return None
    return _("Cancel"), format_lazy("{} {}", STOPS_NEXT, after(run))


def stop(subject: Subject) -> Words:
    return (STOP, format_lazy("{} {}", STOPS_NOW, after(subject.run))) if subject.run else None


def after(run: Run) -> Any:
    """What can be done with the run when it is stopped."""
    if run.plan.action == PlanAction.REMOVE:
        return AFTER_REMOVAL
    return AFTER.get(run.plan.action, AFTER_CHANGE)

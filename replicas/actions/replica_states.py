"""The states of a replica from which each kind of plan may begin, for actions, approvals, retries and pages."""

from __future__ import annotations

from django.utils.translation import gettext as _

from replicas.choices import PLANS_OF_REMOVAL, REPLICA_UNFINISHED, PlanAction, ReplicaState
from replicas.errors import Conflict
from replicas.models import Plan, Replica


def can_undo(replica: Replica) -> bool:
    """Return whether an installation that never succeeded is there to be undone."""
    return replica.state in REPLICA_UNFINISHED and not replica.removal_begun


def can_remove(replica: Replica) -> bool:
    """Return whether the replica serves, or its removal has begun and has not finished."""
    return replica.state == ReplicaState.VERIFIED or replica.removal_begun


def require_can_undo(replica: Replica) -> None:
    """Raises Conflict, above all for a replica that was verified: undoing its installation would destroy it."""
    if can_undo(replica):
        return
    if can_remove(replica):
        raise Conflict(
            _("%(host)s was verified, so its installation cannot be undone.") % {"host": replica.hostname},
            _("Finish the removal that has begun, or request it again with a new plan.")
            if replica.removal_begun
            else _("Request its removal if it is not needed any more."),
        )
    raise _other_state(replica, _("An installation that failed or was stopped can be undone."))


def require_can_remove(replica: Replica) -> None:
    """Raises Conflict."""
    if not can_remove(replica):
        raise _other_state(replica, _("A verified replica can be removed. A failed installation can be undone."))


def require_state(plan: Plan, replica: Replica) -> None:
    """Raises Conflict when the plan does not fit its replica, as that is now."""
    action = plan.action
    if action == PlanAction.UNDO:
        require_can_undo(replica)
    elif action == PlanAction.REMOVE:
        require_can_remove(replica)
    elif action not in (PlanAction.INSTALL, PlanAction.REVOKE) and replica.state != ReplicaState.VERIFIED:
        raise _other_state(replica, _("Only a verified replica can be changed."))


def require_state_for_retry(plan: Plan, replica: Replica) -> None:
    """The same for a run that has begun before. Raises Conflict."""
    if plan.action in PLANS_OF_REMOVAL and replica.state in REPLICA_UNFINISHED:
        return
    require_state(plan, replica)


def _other_state(replica: Replica, remedy: str) -> Conflict:
    return Conflict(
        _("%(host)s is in another state: %(state)s.") % {"host": replica.hostname, "state": replica.condition}, remedy
    )

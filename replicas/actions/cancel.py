"""Cancel a plan that waits, or ask a run to stop."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.claim import claim
from replicas.choices import RUN_ACTIVE, PlanAction, PlanState, ReplicaState
from replicas.errors import Conflict
from replicas.models import Plan, Run
from replicas.permissions import Actor, require


@transaction.atomic
def cancel_plan(actor: Actor, plan: Plan, reason: str) -> None:
    """Take a request back before anybody decided. Raises NotAllowed, Conflict."""
    require(actor, "cancel", plan)
    claim(plan, {"state": PlanState.WAITING}, state=PlanState.CANCELLED)
    if plan.action == PlanAction.INSTALL:
        claim(plan.replica, {"state": ReplicaState.REQUESTED}, state=ReplicaState.CANCELLED)
    before, after = {"state": PlanState.WAITING}, {"state": PlanState.CANCELLED}
    audit.record(actor, "plan:cancel", plan, before=before, after=after, reason=reason)


@transaction.atomic
def cancel_run(actor: Actor, run: Run, reason: str) -> None:
    """Ask the worker to stop before the next step. Raises NotAllowed, Conflict when the run has ended."""
    require(actor, "cancel", run)
    if run.state not in RUN_ACTIVE:
        raise Conflict(
            _("The run has ended: %(state)s.") % {"state": run.get_state_display()}, _("There is nothing to stop.")
        )
    claim(run, {"state__in": RUN_ACTIVE, "cancel_requested_by": ""}, cancel_requested_by=actor.name)
    after = {"state": run.state, "cancel_requested_by": actor.name}
    audit.record(actor, "run:cancel", run, before={"state": run.state}, after=after, reason=reason)

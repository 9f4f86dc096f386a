"""Cancel a plan that waits, or ask a run to stop."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.claim import claim
from replicas.choices import RUN_ACTIVE, PlanAction, PlanState, ReplicaState
from replicas.errors import Conflict
from replicas.lifecycle.credentials import wipe
from replicas.lifecycle.order import hold
from replicas.models import Plan, Run
from replicas.permissions import Actor, require
from replicas.tasks import execute


@transaction.atomic
def cancel_plan(actor: Actor, plan: Plan, reason: str) -> None:
    """Take a request back before anybody decided. Raises NotAllowed, Conflict."""
    require(actor, "cancel", plan)
    hold(plan.replica_id)
    wipe(actor, plan)
    claim(plan, {"state": PlanState.WAITING}, state=PlanState.CANCELLED)
    if plan.action == PlanAction.INSTALL:
        claim(plan.replica, {"state": ReplicaState.REQUESTED}, state=ReplicaState.CANCELLED)
    before, after = {"state": PlanState.WAITING}, {"state": PlanState.CANCELLED}
    audit.record(actor, "plan:cancel", plan, before=before, after=after, reason=reason)


@transaction.atomic
def cancel_run(actor: Actor, run: Run, reason: str, *, now: bool = False) -> None:
    """Ask the worker to stop before the next step, or `now`, which ends a long command on a host in the middle.

    One that waits in the queue is over as soon as a worker sees it. Raises NotAllowed, Conflict when the run has ended.
    """
    require(actor, "cancel", run)
    if run.state not in RUN_ACTIVE:
        raise Conflict(
            _("The run has ended: %(state)s.") % {"state": run.get_state_display()}, _("There is nothing to stop.")
        )
    asked = {"cancel_now": False} if now else {"cancel_requested_by": ""}
    claim(run, {"state__in": RUN_ACTIVE, **asked}, cancel_requested_by=actor.name, cancel_now=now)
    after = {"state": run.state, "cancel_requested_by": actor.name, "cancel_now": now}
    transaction.on_commit(lambda: execute(run.pk))
    audit.record(actor, "run:cancel", run, before={"state": run.state}, after=after, reason=reason)

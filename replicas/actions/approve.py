"""Approve a plan: the digest that the approver saw, by somebody other than the requester; the run starts."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.alone import require_alone
from replicas.actions.claim import claim
from replicas.actions.host_keys import require_pinned
from replicas.actions.undo import require_childless
from replicas.choices import Decision, PlanAction, PlanState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle import job
from replicas.lifecycle.inheritance import inherited
from replicas.models import Approval, Plan, Run, StepRun
from replicas.permissions import Actor, require
from replicas.tasks import execute

REMOVED_FROM: dict[str, str] = {PlanAction.UNDO: ReplicaState.FAILED, PlanAction.REMOVE: ReplicaState.VERIFIED}


@transaction.atomic
def approve(actor: Actor, plan: Plan, digest: str, reason: str) -> Run:
    """Give the approval and queue the run.

    Raises NotAllowed (own requests too), Conflict (another plan than the one seen, decided already, another run is
    working on the replica), ValidationError without a reason.
    """
    require_alone(plan.replica)
    decide(actor, plan, digest, reason, Decision.APPROVE)
    require_pinned(plan)
    if plan.action == PlanAction.INSTALL:
        claim(plan.replica, {"state": ReplicaState.REQUESTED}, state=ReplicaState.APPROVED)
    elif plan.action in REMOVED_FROM:
        # Whoever approved it thought of this state: a retry may have verified the replica meanwhile.
        state = REMOVED_FROM[plan.action]
        claim(plan.replica, {"state": state}, state=state)
        require_childless(plan.replica)
    return queue(actor, plan)


def queue(actor: Actor, plan: Plan) -> Run:
    """The run of a plan that may be done. Belongs into the transaction that allows it."""
    run = Run.objects.create(plan=plan, facts=inherited(plan))
    StepRun.objects.bulk_create(
        StepRun(run=run, index=index, key=step["key"], title=step["title"], stage=step["stage"])
        for index, step in enumerate(plan.steps, 1)
    )
    audit.record(actor, "run:queue", run, after={"state": RunState.QUEUED, "replica": plan.replica.state})
    transaction.on_commit(lambda: execute(run.pk))
    return run


def decide(actor: Actor, plan: Plan, digest: str, reason: str, decision: Decision) -> None:
    """Write the decision down, for the digest that was on the approver's screen, unless somebody else has decided."""
    user = require(actor, "decide", plan)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the requester and later readers want to know.")})
    if digest != plan.digest or digest != job.digest(plan.job, plan.steps):
        raise Conflict(
            _("The plan is not the one that you were looking at."),
            _("Read it again; the decision is for what it says now."),
        )
    if plan.state != PlanState.WAITING:
        raise Conflict(
            _("This plan has been decided on already: %(state)s.") % {"state": plan.get_state_display()},
            _("Open it to see by whom, and why."),
        )
    after, verb = {
        Decision.APPROVE: (PlanState.APPROVED, "plan:approve"),
        Decision.REJECT: (PlanState.REJECTED, "plan:reject"),
    }[decision]
    claim(plan, {"state": PlanState.WAITING, "digest": digest}, state=after)
    Approval.objects.create(
        plan=plan, digest=digest, requester=plan.requested_by, approver=user, decision=decision, reason=reason
    )
    audit.record(
        actor, verb, plan, before={"state": PlanState.WAITING}, after={"state": after, "digest": digest}, reason=reason
    )

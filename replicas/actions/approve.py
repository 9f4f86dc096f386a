"""Approve a plan: the digest that the approver saw, by somebody other than the requester; the run starts."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.claim import claim
from replicas.choices import Decision, PlanAction, PlanState, ReplicaState
from replicas.errors import Conflict
from replicas.models import Approval, Plan, Run, StepRun
from replicas.permissions import Actor, require
from replicas.tasks import execute


@transaction.atomic
def approve(actor: Actor, plan: Plan, digest: str, reason: str) -> Run:
    """Give the approval and queue the run. Raises NotAllowed (own requests too), Conflict."""
    decide(actor, plan, digest, reason, Decision.APPROVE)
    claim(plan, {"state": PlanState.WAITING, "digest": digest}, state=PlanState.APPROVED)
    audit.record(actor, "plan:approve", plan, after={"digest": digest}, reason=reason)
    if plan.action == PlanAction.INSTALL:
        claim(plan.replica, {"state": ReplicaState.REQUESTED}, state=ReplicaState.APPROVED)
    run = Run.objects.create(plan=plan)
    StepRun.objects.bulk_create(
        StepRun(run=run, index=index, key=step["key"], title=step["title"], stage=step["stage"])
        for index, step in enumerate(plan.steps, 1)
    )
    audit.record(actor, "run:queue", run)
    transaction.on_commit(lambda: execute(run.pk))
    return run


def decide(actor: Actor, plan: Plan, digest: str, reason: str, decision: Decision) -> None:
    """Write the decision down, for the digest that was on the approver's screen."""
    user = require(actor, "decide", plan)
    if digest != plan.digest:
        raise Conflict(
            _("The plan is not the one that you were looking at."),
            _("Read it again; the decision is for what it says now."),
        )
    if plan.state != PlanState.WAITING:
        raise Conflict(
            _("This plan has been decided on already: %(state)s.") % {"state": plan.get_state_display()},
            _("Open it to see by whom, and why."),
        )
    Approval.objects.create(
        plan=plan, digest=digest, requester=plan.requested_by, approver=user, decision=decision, reason=reason
    )

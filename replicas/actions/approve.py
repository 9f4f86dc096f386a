"""Approve a plan: the digest that the approver saw, by others than the requester; with the last approval it runs."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.alone import require_alone
from replicas.actions.claim import claim
from replicas.actions.host_keys import require_compared, require_pinned
from replicas.actions.replica_states import require_state
from replicas.actions.submit import require_living_master
from replicas.actions.undo import require_childless
from replicas.choices import Decision, PlanAction, PlanState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle import job, voiding, windows
from replicas.lifecycle.inheritance import inherited
from replicas.lifecycle.known_servers import require_own_host
from replicas.models import Approval, Plan, Replica, Run, StepRun
from replicas.permissions import Actor, require
from replicas.tasks import execute


@transaction.atomic
def approve(actor: Actor, plan: Plan, digest: str, reason: str) -> Run | None:
    """Give one approval; the last one that the plan needs queues its run, which is given.

    Raises NotAllowed (own requests, people outside of the policy's groups), Conflict (another plan than the one seen,
    decided already, void, another run is working on the replica), ValidationError without a reason.
    """
    require_alone(plan.replica)
    decide(actor, plan, digest, reason, Decision.APPROVE)
    missing = plan.frozen_job().policy.needed - plan.approvals.filter(decision=Decision.APPROVE).count()
    if missing > 0:
        return None
    return begin(actor, plan)


def begin(actor: Actor, plan: Plan, hold: bool = True) -> Run:
    """Queue the run of a plan that has what it needs. Belongs into the transaction that gave the last of it."""
    require_alone(plan.replica)
    require_pinned(plan)
    require_compared(plan)
    require_own_host(plan, inherited(plan))
    claim(plan, {"state": PlanState.WAITING}, state=PlanState.APPROVED)
    if plan.action == PlanAction.INSTALL:
        claim(plan.replica, {"state": ReplicaState.REQUESTED}, state=ReplicaState.APPROVED)
        require_living_master(plan.replica)
    else:
        # A retry may have changed it since the plan was submitted.
        require_state(plan, Replica.objects.get(pk=plan.replica_id))
    if plan.removes:
        require_childless(plan.replica)
    return queue(actor, plan, hold)


def queue(actor: Actor, plan: Plan, hold: bool = True) -> Run:
    """The run of a plan that may be done, held until its window opens. Belongs into the transaction that allows it."""
    run = Run.objects.create(plan=plan, facts=inherited(plan), held_until=opening(plan) if hold else None)
    StepRun.objects.bulk_create(
        StepRun(run=run, index=index, key=step["key"], title=step["title"], stage=step["stage"])
        for index, step in enumerate(plan.steps, 1)
    )
    after = {"state": RunState.QUEUED, "replica": plan.replica.state}
    if run.held:
        after["held_until"] = run.held.isoformat()
    audit.record(actor, "run:queue", run, after=after)
    transaction.on_commit(lambda: execute(run.pk))
    return run


def opening(plan: Plan) -> datetime | None:
    """Since when the plan may begin, or from when on; None when there are no windows.

    In an open window, too: a run that comes to no worker before it closes has to wait for the next one.
    """
    policy = plan.frozen_job().policy
    return windows.opening(policy.windows, policy.zone, timezone.now())


def decide(actor: Actor, plan: Plan, digest: str, reason: str, decision: Decision) -> None:
    """Write one person's decision down, for the digest that was on the screen, unless the plan is decided already."""
    user = require(actor, "decide", plan)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the requester and later readers want to know.")})
    require_same(plan, digest)
    if decision == Decision.APPROVE:
        require_pinned(plan)
        require_compared(plan)
        require_own_host(plan, inherited(plan))
        require_current(plan)
    Plan.objects.select_for_update(no_key=True).get(pk=plan.pk)
    after, verb = {
        Decision.APPROVE: (PlanState.WAITING, "plan:approve"),
        Decision.REJECT: (PlanState.REJECTED, "plan:reject"),
    }[decision]
    claim(plan, {"state": PlanState.WAITING, "digest": digest}, state=after)
    if plan.approvals.filter(approver=user).exists():
        raise Conflict(_("You have approved this plan already."), _("Somebody else gives the next approval."))
    Approval.objects.create(
        plan=plan, digest=digest, requester=plan.requested_by, approver=user, decision=decision, reason=reason
    )
    given = plan.approvals.filter(decision=Decision.APPROVE).count()
    needed = plan.frozen_job().policy.needed
    if decision == Decision.APPROVE and given >= needed:
        after = PlanState.APPROVED
    audit.record(
        actor,
        verb,
        plan,
        before={"state": PlanState.WAITING},
        after={"state": after, "digest": digest, "approvals": f"{given} / {needed}"},
        reason=reason,
    )


def require_current(plan: Plan) -> None:
    """Raise Conflict when the plan would be another one if it were made now."""
    if plan.state == PlanState.WAITING and (why := voiding.differences(plan)):
        raise Conflict(" ".join(why), _("The plan is void. Cancel it, and ask again."))


def require_same(plan: Plan, digest: str) -> None:
    """Raise Conflict unless the plan waits, and is what was seen."""
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
    if plan.expires_at is not None and plan.expires_at <= timezone.now():
        raise Conflict(_("The time to approve this plan is over."), _("It is asked for again."))

"""Reject a plan, with a reason that its requester sees."""

from __future__ import annotations

from django.db import transaction

from replicas import audit
from replicas.actions.approve import decide
from replicas.actions.claim import claim
from replicas.choices import Decision, PlanAction, PlanState, ReplicaState
from replicas.models import Plan
from replicas.permissions import Actor


@transaction.atomic
def reject(actor: Actor, plan: Plan, digest: str, reason: str) -> None:
    """Raises NotAllowed (own requests too), Conflict."""
    decide(actor, plan, digest, reason, Decision.REJECT)
    claim(plan, {"state": PlanState.WAITING, "digest": digest}, state=PlanState.REJECTED)
    audit.record(actor, "plan:reject", plan, after={"digest": digest}, reason=reason)
    if plan.action == PlanAction.INSTALL:
        claim(plan.replica, {"state": ReplicaState.REQUESTED}, state=ReplicaState.REJECTED)

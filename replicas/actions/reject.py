"""Reject a plan, with a reason that its requester sees."""

from __future__ import annotations

from django.db import transaction

from replicas.actions.approve import decide
from replicas.actions.claim import claim
from replicas.choices import Decision, PlanAction, ReplicaState
from replicas.lifecycle.credentials import wipe
from replicas.lifecycle.order import hold
from replicas.models import Plan
from replicas.permissions import Actor


@transaction.atomic
def reject(actor: Actor, plan: Plan, digest: str, reason: str) -> None:
    """Raises NotAllowed (own requests too), Conflict, ValidationError without a reason."""
    hold(plan.replica_id)
    wipe(actor, plan)
    decide(actor, plan, digest, reason, Decision.REJECT)
    if plan.action == PlanAction.INSTALL:
        claim(plan.replica, {"state": ReplicaState.REQUESTED}, state=ReplicaState.REJECTED)

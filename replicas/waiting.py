"""What waits for a person, what somebody has asked for, and what is under way."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from replicas import permissions
from replicas.choices import REPLICA_ENDED, RUN_ACTIVE, PlanState, ReplicaState
from replicas.models import Bypass, Plan, Replica, Run


def to_decide(user: User | AnonymousUser) -> list[int]:
    """The keys of the plans that this person can decide on now: not an own one, nor one that he has approved."""
    if not isinstance(user, User) or not permissions.may(user, "decide"):
        return []
    waiting = Plan.objects.filter(state=PlanState.WAITING).exclude(requested_by=user).exclude(approvals__approver=user)
    held = permissions.roles(user)
    return [
        pk
        for pk, groups in waiting.values_list("pk", "job__policy__groups")
        if not groups or not held.isdisjoint(groups)
    ]


def to_review(user: User) -> QuerySet[Bypass]:
    """Runs without approval that this person can look at: he neither asked for them nor ran them."""
    if not permissions.may(user, "review_bypass"):
        return Bypass.objects.none()
    return Bypass.objects.filter(reviewed_by=None).exclude(by=user).exclude(requester=user)


def asked_for(user: User) -> QuerySet[Replica]:
    """Requests of this person that have not come to their end."""
    return Replica.objects.filter(requested_by=user).exclude(state__in=(*REPLICA_ENDED, ReplicaState.VERIFIED))


def under_way() -> QuerySet[Run]:
    return Run.objects.filter(state__in=RUN_ACTIVE)

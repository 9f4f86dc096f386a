"""What waits for a person."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User

from replicas import permissions
from replicas.choices import PlanState
from replicas.models import Bypass, Plan


def to_decide(user: User | AnonymousUser) -> list[int]:
    """The keys of the plans that this person can decide on now: not an own one, nor one that he has approved."""
    if not isinstance(user, User) or not permissions.may(user, "decide"):
        return []
    waiting = Plan.objects.filter(state=PlanState.WAITING).exclude(requested_by=user).exclude(approvals__approver=user)
    held = permissions.roles(user)
    return [
        pk
        for pk, groups in waiting.values_list("pk", "job__policy__groups")
        if not groups or user.is_superuser or not held.isdisjoint(groups)
    ]


def to_review(user: User) -> list[Bypass]:
    """Runs without approval that this person can look at: he neither asked for them nor ran them."""
    if not permissions.may(user, "review_bypass"):
        return []
    open_ones = Bypass.objects.filter(reviewed_by=None).exclude(by=user).exclude(requester=user)
    return list(open_ones.select_related("by", "run__plan__replica"))

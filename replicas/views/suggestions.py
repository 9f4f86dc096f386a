"""Agreements that a realm should have: with the form that asks for one, or the command where none can be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from replicas import later_rules, permissions
from replicas.choices import RUN_ACTIVE, PlanAction, PlanState, ReplicaState
from replicas.forms.later import SegmentForm
from replicas.models import Plan, Realm, Replica, Run


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Without a replica `command` is all there is; without a form this person may not ask, or another plan is first."""

    suffix: str
    one: str
    other: str
    command: str
    replica: Replica | None = None
    url: str = ""
    form: SegmentForm | None = None
    busy: bool = False


def suggestions(user: User, found: Realm, suggested: Sequence[Mapping[str, Any]]) -> list[Suggestion]:
    """What a look suggested (lifecycle.base.SuggestedAgreement), with what can be done about it."""
    names = {one[end] for one in suggested for end in ("one", "other")}
    ends = Replica.objects.select_related("master__realm")
    able = {
        replica.hostname: replica
        for replica in ends.filter(master__realm=found, hostname__in=names, state=ReplicaState.VERIFIED)
        if not later_rules.hindrance(replica, PlanAction.SEGMENT)
    }
    waiting = Plan.objects.filter(replica__in=able.values(), state=PlanState.WAITING)
    running = Run.objects.filter(plan__replica__in=able.values(), state__in=RUN_ACTIVE)
    busy = {*waiting.values_list("replica_id", flat=True), *running.values_list("plan__replica_id", flat=True)}
    may = permissions.may(user, "request")
    return [_suggestion(index, one, able, busy, may) for index, one in enumerate(suggested)]


def _suggestion(
    index: int, one: Mapping[str, Any], able: Mapping[str, Replica], busy: set[int], may: bool
) -> Suggestion:
    given = {"suffix": one["suffix"], "one": one["one"], "other": one["other"], "command": one.get("command", "")}
    here = sorted((name for name in (one["one"], one["other"]) if name in able), key=lambda name: able[name].pk in busy)
    if not here:
        return Suggestion(**given)
    replica = able[here[0]]
    if replica.pk in busy or not may:
        return Suggestion(**given, replica=replica, busy=replica.pk in busy)
    form = SegmentForm(auto_id=f"id_segment{index}_%s")
    form.settle(one["suffix"], one["other"] if here[0] == one["one"] else one["one"])
    return Suggestion(**given, replica=replica, url=reverse("replica_act", args=[replica.pk, "segment"]), form=form)

"""What pages watch beside logs: a stamp for each topic, which differs from the last one when the page may have changed.

A topic is "replica:ID" (with its plans, runs and bundles), "realm:ID" (its health checks), "person:ID" (unread
notices), "work" (everything that waits for a decision, and everything that runs), or "bundles".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any

from django.db.models import Count, Max

from replicas.choices import RUN_ACTIVE, PlanState, RunState
from replicas.lifecycle.turns import BEGUN
from replicas.models import Approval, Bundle, Bypass, Notice, Plan, RealmLook, Replica, Run

TOPIC = re.compile(r"work|bundles|(?:replica|realm|person):[1-9]\d{0,14}")
WORK, BUNDLES = "work", "bundles"
MOST = 30
"""Topics of one page at most."""
Stamps = dict[str, Hashable]
OF_RUN = ("state", "attempt", "held_until", "cancel_requested_by", "cancel_now", "bypass__reviewed_by")
"""Columns."""


def valid(topics: object, person: int) -> frozenset[str] | None:
    """Return the topics that a browser asks for; None for anything but a short list of topics that are its own."""
    if not isinstance(topics, list) or len(topics) > MOST:
        return None
    known = all(isinstance(topic, str) and TOPIC.fullmatch(topic) for topic in topics)
    if not known or any(topic.startswith("person:") and topic != f"person:{person}" for topic in topics):
        return None
    return frozenset(topics)


def read(topics: Iterable[str]) -> Stamps:
    """Return the stamp of each topic. The number of queries does not depend on how many there are."""
    by_kind: dict[str, set[int]] = defaultdict(set)
    for topic in topics:
        kind, _, key = topic.partition(":")
        by_kind[kind].add(int(key or 0))
    stamps: Stamps = {}
    for kind, keys in by_kind.items():
        stamps |= READERS[kind](keys)
    return stamps


def _replicas(keys: Collection[int]) -> Stamps:
    rows: dict[int, list[Any]] = {key: [] for key in keys}

    def take(found: Iterable[tuple[Any, ...]]) -> None:
        for key, *values in found:
            rows[key].append(tuple(values))

    take(Replica.objects.filter(pk__in=keys).values_list("pk", "state", "host_key__key", "host_key__compared"))
    take(Plan.objects.filter(replica__in=keys).order_by("pk").values_list("replica", "pk", "state", "checked_at"))
    decisions = Approval.objects.filter(plan__replica__in=keys).order_by()
    take(decisions.values("plan__replica").annotate(Max("pk")).values_list("plan__replica", "pk__max"))
    runs = Run.objects.filter(plan__replica__in=keys).order_by("pk")
    found = list(runs.values_list("plan__replica", "pk", *OF_RUN))
    take(found)
    waiting = {key for key, _, state, *_ in found if state == RunState.QUEUED}
    begun = _turns() if waiting else ()
    take((key, begun) for key in waiting)
    take(Bundle.objects.filter(replica__in=keys).order_by("pk").values_list("replica", "pk", "state"))
    return {f"replica:{key}": tuple(values) for key, values in rows.items()}


def _turns() -> tuple[int, ...]:
    """The runs that have a turn: the page of a run that waits for one names them."""
    return tuple(Run.objects.filter(BEGUN).order_by("pk").values_list("pk", flat=True))


def _realms(keys: Collection[int]) -> Stamps:
    stamps: Stamps = {f"realm:{key}": None for key in keys}
    looks = RealmLook.objects.filter(realm__in=keys).values_list("realm", "asked_at", "started_at", "at")
    return stamps | {f"realm:{key}": tuple(values) for key, *values in looks}


def _people(keys: Collection[int]) -> Stamps:
    stamps: Stamps = {f"person:{key}": 0 for key in keys}
    unread = Notice.objects.filter(recipient__in=keys, read_at=None).order_by().values("recipient")
    return stamps | {f"person:{one['recipient']}": one["n"] for one in unread.annotate(n=Count("pk"))}


def _work(keys: Collection[int]) -> Stamps:
    waiting = Plan.objects.filter(state=PlanState.WAITING).aggregate(n=Count("pk"), last=Max("pk"))
    decided = Approval.objects.aggregate(last=Max("pk"))
    newest = Replica.objects.aggregate(last=Max("pk"))
    runs = (
        Run.objects.filter(state__in=RUN_ACTIVE).order_by("pk").values_list("pk", "state", "held_until", "plan__state")
    )
    reviews = Bypass.objects.filter(reviewed_by=None).aggregate(n=Count("pk"))
    counts = (*waiting.values(), *decided.values(), *newest.values(), *reviews.values())
    return {WORK: (counts, tuple(runs))}


def _bundles(keys: Collection[int]) -> Stamps:
    counts = Bundle.objects.order_by("state").values("state").annotate(Count("pk"), Max("used_at"), Max("removed_at"))
    return {BUNDLES: tuple(tuple(row.values()) for row in counts)}


READERS: dict[str, Callable[[Collection[int]], Stamps]] = {
    "replica": _replicas,
    "realm": _realms,
    "person": _people,
    WORK: _work,
    BUNDLES: _bundles,
}

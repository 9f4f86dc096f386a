"""The order in which rows are locked: a realm, its master, replicas, plans, runs, each by number, and the history last.

Two who keep to it never wait for each other. What is added and refers to a locked row waits for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from replicas.choices import PlanState, RunState
from replicas.models import Master, Plan, Realm, Replica, Run


def hold(*replica_ids: int) -> None:
    """Lock replicas until the caller's transaction ends: nobody else decides on their plans, or has them worked on."""
    _lock(Replica.objects.filter(pk__in=replica_ids))


@contextmanager
def holding(replica_id: int) -> Iterator[None]:
    """A transaction that has the replica."""
    with transaction.atomic():
        hold(replica_id)
        yield


def hold_realms(realms: Iterable[Realm]) -> None:
    """The same for all replicas in the realms, their plans that may still be decided, and their runs that wait."""
    replicas = _lock(Replica.objects.filter(master__in=Master.objects.filter(realm__in=realms)))
    waiting = Run.objects.filter(state=RunState.QUEUED, plan__replica__in=replicas)
    undecided = Q(state=PlanState.WAITING, replica__in=replicas)
    _lock(Plan.objects.filter(undecided | Q(pk__in=waiting.values("plan"))))
    _lock(Run.objects.filter(pk__in=waiting.values("pk")))


def _lock(rows: QuerySet[Any]) -> list[int]:
    return list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))

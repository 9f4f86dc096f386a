"""Whose turn it is: how many runs work in one place at a time."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q, QuerySet

from replicas.backends import registry
from replicas.choices import RunState
from replicas.models import Master, Realm, Run

UNDER_WAY = Q(state=RunState.QUEUED, lease_until__isnull=False)
"""Begun, and without a worker: it died or gave the run back. Such a run keeps its place."""
BEGUN = Q(state=RunState.RUNNING) | UNDER_WAY
NEXT = Q(state=RunState.QUEUED, lease_until=None, held_until=None, cancel_requested_by="")
"""Waiting for a turn only. A run with a window may have to wait longer for that, and must not keep others waiting."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs compete: a realm that changes one server at a time, or a master. `limit` runs have room there.

    `occupants` have a turn there. `earlier` were requested before the run, and wait for a turn as well.
    """

    row: Realm | Master
    limit: int
    occupants: QuerySet[Run]
    earlier: QuerySet[Run]

    @property
    def is_realm(self) -> bool:
        """Whether the whole realm is the place, whatever the master."""
        return isinstance(self.row, Realm)

    def lock(self) -> None:
        """Let no other run begin here until the caller's transaction ends."""
        type(self.row)._base_manager.select_for_update(of=("self",), no_key=True).get(pk=self.row.pk)

    def full(self) -> bool:
        """Return whether every turn is taken."""
        return self.occupants.count() >= self.limit

    def promised(self) -> bool:
        """Return whether every turn is taken, or is for a run that was requested before."""
        return self.occupants.count() + self.earlier.count() >= self.limit


def place(run: Run) -> Place:
    """Return where the run needs a turn, with the other runs that have one there."""
    master = run.plan.replica.master
    others = Run.objects.exclude(pk=run.pk)
    earlier = others.filter(NEXT, pk__lt=run.pk)
    serial = registry.serial(master.realm.backend)
    if run.plan.action in serial:
        here = Q(plan__replica__master__realm=master.realm_id, plan__action__in=serial)
        return Place(master.realm, 1, others.filter(BEGUN, here), earlier.filter(here))
    here = Q(plan__replica__master=master)
    waiting = earlier.filter(here).exclude(plan__action__in=serial)
    return Place(master, settings.RUNS_PER_MASTER, others.filter(BEGUN, here), waiting)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a queued run waits for: a turn in that place, which these runs have now."""

    place: Place
    runs: list[Run]


def wait_of(run: Run) -> Wait | None:
    """Return what a queued run waits for.

    None when it is not queued, when it is held until its window opens or is only to be stopped, and when only a worker
    is missing.
    """
    if run.state != RunState.QUEUED or run.lease_until is not None or run.held or run.cancel_requested_by:
        return None
    where = place(run)
    if not where.full():
        return None
    return Wait(where, list(where.occupants.select_related("plan__replica").order_by("pk")))

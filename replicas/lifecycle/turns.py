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


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs compete: a realm that changes one server at a time, or a master. `limit` runs have room there."""

    row: Realm | Master
    limit: int
    occupants: QuerySet[Run]

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


def place(run: Run) -> Place:
    """Return where the run needs a turn, with the other runs that have one there."""
    master = run.plan.replica.master
    others = Run.objects.filter(BEGUN).exclude(pk=run.pk)
    serial = registry.serial(master.realm.backend)
    if run.plan.action in serial:
        rivals = others.filter(plan__replica__master__realm=master.realm_id, plan__action__in=serial)
        return Place(master.realm, 1, rivals)
    return Place(master, settings.RUNS_PER_MASTER, others.filter(plan__replica__master=master))


@dataclass(frozen=True, slots=True)
class Wait:
    """What a queued run waits for: a turn in that place, which these runs have now."""

    place: Place
    runs: list[Run]


def wait_of(run: Run) -> Wait | None:
    """Return what a queued run waits for; None when it is not queued, or only a worker is missing."""
    if run.state != RunState.QUEUED or run.lease_until is not None:
        return None
    where = place(run)
    if not where.full():
        return None
    return Wait(where, list(where.occupants.select_related("plan__replica").order_by("pk")))

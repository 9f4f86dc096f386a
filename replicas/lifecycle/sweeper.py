"""Finds runs that nobody works on, and queues them again; beside that, it is the clock of everything that waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from replicas import audit
from replicas.audit import checks
from replicas.choices import DeliveryState, RunState
from replicas.lifecycle import bundles, lockfile, looking, voiding, windows
from replicas.lifecycle.recovery import Recovery
from replicas.models import Delivery, Draft, Run
from replicas.permissions import Actor
from replicas.stream import chunks

logger = logging.getLogger(__name__)


class QueueAway(Exception):
    """The task queue cannot be asked now."""


class Queue(Protocol):
    """The doors of the task queue, handed in: the engine does not know them."""

    def execute(self, run_id: int) -> object: ...

    def waiting(self) -> set[int]: ...

    def deliver(self) -> object: ...

    def verify_history(self, by: str) -> object: ...

    def look(self, realm_id: int) -> object: ...


def sweep(queue: Queue, recover: Callable[[], object] = lambda: None) -> int:
    """One look: abandoned runs are queued and recovered, queued ones have a task, and what is due is begun.

    Returns how many of its parts failed; each is done whatever becomes of the others.
    """
    parts: tuple[Callable[[], object], ...] = (
        requeue_abandoned,
        recover,
        lambda: enqueue_waiting(queue),
        bundles.expire,
        voiding.expire,
        _forget_drafts,
        lambda: _deliver(queue),
        lambda: _look(queue),
        lambda: _verify(queue),
    )
    return sum(not apart(part) for part in parts)


def apart(part: Callable[[], object]) -> bool:
    """Do it, and tell whether it went well: what fails is tried again at the next look, and keeps up nothing else.

    The sweeper must not end before its worker does: a worker without one looks healthy and picks nothing up.
    """
    try:
        part()
    except (DatabaseError, QueueAway) as error:
        logger.warning("A part of the look over the runs failed: %s", error)
    except Exception:
        logger.exception("A part of the look over the runs failed with a defect of the portal")
    else:
        return True
    connection.close_if_unusable_or_obsolete()
    return False


def requeue_abandoned() -> None:
    for run in Run.objects.filter(state=RunState.RUNNING).annotate(overdue=Q(lease_until__lt=Now())):
        if run.overdue or lockfile.abandoned(run.pk, run.fence):
            _requeue(run)


def enqueue_waiting(queue: Queue) -> None:
    """A task for every queued run that has none, the oldest first: one that was lost, or that found its master busy."""
    unreadable = hold_again()
    due = Q(held_until=None) | Q(held_until__lte=Now()) | ~Q(cancel_requested_by="")
    queued = Run.objects.filter(due, state=RunState.QUEUED).exclude(pk__in=queue.waiting() | unreadable).order_by("pk")
    for run_id in queued.values_list("pk", flat=True):
        queue.execute(run_id)


def hold_again() -> set[int]:
    """Runs whose window has closed before a worker came to them wait for the next one.

    Returns those of which that cannot be told, as the time zone is no longer known, say: they begin at no time.
    """
    due = Run.objects.filter(state=RunState.QUEUED, held_until__lte=timezone.now())
    runs = due.select_related("plan__replica")
    return {run.pk for run in runs if not apart(partial(_hold_again, run))}


def _hold_again(run: Run) -> None:
    policy = run.plan.frozen_job().policy
    if later := windows.next_opening(policy.windows, policy.zone, timezone.now()):
        _hold_until(run, later)


@transaction.atomic
def _hold_until(run: Run, later: datetime) -> None:
    mine = Run.objects.filter(pk=run.pk, state=RunState.QUEUED, held_until=run.held_until)
    if run.held_until is not None and mine.update(held_until=later):
        before, after = {"held_until": run.held_until.isoformat()}, {"held_until": later.isoformat()}
        audit.record(Actor.system(), "run:hold", run, before=before, after=after, reason="Its window has closed.")


def _requeue(run: Run) -> None:
    abandoned = Run.objects.filter(pk=run.pk, fence=run.fence, state=RunState.RUNNING, lease_until=run.lease_until)
    if abandoned.update(state=RunState.QUEUED, takeovers=F("takeovers") + 1):
        logger.warning("Run %s: its worker is gone; queued again.", run.pk)


def _forget_drafts() -> None:
    Draft.objects.filter(created_at__lt=timezone.now() - timedelta(hours=settings.DRAFT_HOURS)).delete()


def _deliver(queue: Queue) -> None:
    if Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=Now()).exists():
        queue.deliver()


def _look(queue: Queue) -> None:
    if realm := looking.next_due():
        queue.look(realm.pk)


def _verify(queue: Queue) -> None:
    if checks.overdue():
        queue.verify_history("portal")


class Sweeper:
    """Sweeps in the background: at once, and then every SWEEP_SECONDS."""

    def __init__(self, queue: Queue, recovery: Recovery) -> None:
        self._queue, self._recovery = queue, recovery
        self._closed = threading.Event()
        self._notary = checks.Notary()
        self._thread = threading.Thread(target=self._keep, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._closed.set()
        self._thread.join()
        self._recovery.join()

    def _keep(self) -> None:
        while True:
            sweep(self._queue, self._recovery.look)
            apart(self._notary.look)
            apart(chunks.compress_some)
            apart(connection.close)
            if self._closed.wait(settings.SWEEP_SECONDS):
                return

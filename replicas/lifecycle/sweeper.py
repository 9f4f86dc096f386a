"""Finds runs that nobody works on, and queues them again; beside that, it is the clock of everything that waits."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from replicas.audit import checks
from replicas.choices import DeliveryState, RunState
from replicas.lifecycle import bundles, lockfile, looking, voiding, windows
from replicas.models import Delivery, Draft, Run
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


def sweep(queue: Queue) -> None:
    """One look: abandoned runs go back to the queue, queued ones have a task, and what is due is begun."""
    for run in Run.objects.filter(state=RunState.RUNNING).annotate(overdue=Q(lease_until__lt=Now())):
        if run.overdue or lockfile.abandoned(run.pk, run.fence):
            _requeue(run)
    enqueue_waiting(queue)
    bundles.expire()
    voiding.expire()
    Draft.objects.filter(created_at__lt=timezone.now() - timedelta(hours=settings.DRAFT_HOURS)).delete()
    if Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=Now()).exists():
        queue.deliver()
    if realm := looking.next_due():
        queue.look(realm.pk)
    if checks.overdue():
        queue.verify_history("portal")


def enqueue_waiting(queue: Queue) -> None:
    """A task for every queued run that has none, the oldest first: one that was lost, or that found its master busy."""
    hold_again()
    due = Q(held_until=None) | Q(held_until__lte=Now()) | ~Q(cancel_requested_by="")
    queued = Run.objects.filter(due, state=RunState.QUEUED).exclude(pk__in=queue.waiting()).order_by("pk")
    for run_id in queued.values_list("pk", flat=True):
        queue.execute(run_id)


def hold_again() -> None:
    """Runs whose window has closed before a worker came to them wait for the next one."""
    now = timezone.now()
    for run in Run.objects.filter(state=RunState.QUEUED, held_until__lte=now).select_related("plan"):
        policy = run.plan.frozen_job().policy
        if later := windows.next_opening(policy.windows, policy.zone, now):
            Run.objects.filter(pk=run.pk, state=RunState.QUEUED, held_until=run.held_until).update(held_until=later)


def _requeue(run: Run) -> None:
    abandoned = Run.objects.filter(pk=run.pk, fence=run.fence, state=RunState.RUNNING, lease_until=run.lease_until)
    if abandoned.update(state=RunState.QUEUED, lease_until=None):
        logger.warning("Run %s: its worker is gone; queued again.", run.pk)


class Sweeper:
    """Sweeps in the background: at once, and then every SWEEP_SECONDS."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._closed = threading.Event()
        self._notary = checks.Notary()
        self._thread = threading.Thread(target=self._keep, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._closed.set()
        self._thread.join()

    def _keep(self) -> None:
        while True:
            try:
                sweep(self._queue)
                self._notary.look()
                chunks.compress_some()
            except (DatabaseError, QueueAway) as error:
                logger.warning("Runs could not be looked over: %s", error)
            finally:
                connection.close()
            if self._closed.wait(settings.SWEEP_SECONDS):
                return

"""The lease of a run: claimed by one guarded UPDATE, renewed in the background, lost or given back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Case, F, Q, When
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce, Now

from replicas.choices import RunState
from replicas.lifecycle import lockfile, turns
from replicas.lifecycle.fencing import LeaseLost, fenced
from replicas.models import Run

logger = logging.getLogger(__name__)
LOOK_SECONDS = 1.0


class Interrupted(Exception):
    """The worker is being stopped; the run goes back to the queue."""


class Cancelled(Exception):
    """Somebody asked for the run to stop."""


def claim(run_id: int) -> Lease | None:
    """Take a run that is queued, or whose lease ran out.

    None when somebody else has it, it has ended, it is held until its window opens, every turn in its place is
    taken or promised (lifecycle/turns.py), or this worker is being stopped.
    """
    if _stopping.is_set():
        return None
    started = _now()
    due = Q(held_until=None) | Q(held_until__lte=Now()) | ~Q(cancel_requested_by="")
    free = (Q(state=RunState.QUEUED) & due) | Q(state=RunState.RUNNING, lease_until__lt=Now())
    with transaction.atomic():
        if _busy(run_id):
            return None
        changed = Run.objects.filter(free, pk=run_id).update(
            state=RunState.RUNNING,
            fence=F("fence") + 1,
            takeovers=F("takeovers") + Case(When(state=RunState.RUNNING, then=1), default=0),
            lease_until=_until(),
            finished_at=None,
            error="",
            remedy="",
            held_until=None,  # the end of a window interrupts nothing that has begun
            started_at=Coalesce("started_at", Now()),
            attempt_started_at=Coalesce("attempt_started_at", Now()),
        )
        if changed != 1:
            return None
        return Lease(run_id, Run.objects.values_list("fence", flat=True).get(pk=run_id), started)


def _now() -> float:
    """A clock that goes on while the machine is suspended: the lease of a worker that sleeps runs out all the same."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _until() -> CombinedExpression:
    """When a lease that is written now runs out, by the database's clock: workers' clocks may differ."""
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def _busy(run_id: int) -> bool:
    """Return whether the run has to wait for its turn; until the transaction ends no other one can begin there.

    A run that is only to be cancelled disturbs nobody, and one that is under way has its place already.
    """
    waiting = Run.objects.filter(pk=run_id, cancel_requested_by="").exclude(turns.BEGUN)
    run = waiting.select_related("plan__replica__master__realm").first()
    if run is None:
        return False
    where = turns.place(run)
    where.lock()
    return where.promised()


class Lease:
    """A held lease. Inside `with` it renews itself; `check` raises as soon as the run may no longer be worked on."""

    def __init__(self, run_id: int, fence: int, started: float) -> None:
        self.run_id, self.fence = run_id, fence
        self.on_stop: Callable[[], None] | None = None
        self._deadline = started + settings.LEASE_SECONDS
        self._lost = self._interrupted = self._cancelled = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{run_id}", daemon=True)

    def __enter__(self) -> Self:
        self._descriptor = lockfile.hold(self.run_id, self.fence)
        _held.add(self)
        if _stopping.is_set():
            self._interrupted = True
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._closed.set()
        self._thread.join()
        _held.discard(self)
        lockfile.release(self.run_id, self.fence, self._descriptor)

    @property
    def over(self) -> bool:
        """Whether somebody else may have it by now."""
        return self._lost or _now() > self._deadline

    def check(self) -> None:
        """Cheap enough for every use of a host. Raises LeaseLost, Interrupted."""
        if self.over:
            raise LeaseLost(f"Run {self.run_id}: the lease of fence {self.fence} ran out.")
        if self._interrupted:
            raise Interrupted

    def check_cancel(self) -> None:
        """Whether the run was to be stopped in the middle of what it does. Raises Cancelled.

        Not a part of `check`: what a step cleans up on its way out still needs its hosts.
        """
        if self._cancelled:
            raise Cancelled

    def interrupt(self) -> None:
        """Stop working on the run, soon: the worker is shutting down."""
        self._interrupted = True
        self._stop()

    def give_back(self) -> None:
        """Put the run back into the queue, so that the next worker need not wait for the lease. Raises LeaseLost."""
        with fenced(self.run_id, self.fence, state=RunState.QUEUED, lease_until=Now()):
            pass

    def _keep(self) -> None:
        renewed = _now()
        try:
            while not self._closed.wait(min(LOOK_SECONDS, settings.LEASE_SECONDS / 3)) and not self._lost:
                self._look()
                if _now() - renewed >= settings.LEASE_SECONDS / 3:
                    renewed = _now()
                    self._renew()
        finally:
            connection.close()

    def _look(self) -> None:
        """Whether somebody wants the run to stop now, or has taken it."""
        try:
            fence, cancel = Run.objects.values_list("fence", "cancel_now").get(pk=self.run_id)
        except DatabaseError:
            connection.close()  # what follows from an absent database, the renewal decides
            return
        if fence != self.fence:
            self._lose()
        elif cancel and not self._cancelled:
            self._cancelled = True
            self._stop()

    def _renew(self) -> None:
        started = _now()
        try:
            with fenced(self.run_id, self.fence, lease_until=_until()):
                pass
        except LeaseLost:
            self._lose()
        except DatabaseError as error:
            logger.warning("Run %s: the lease could not be renewed: %s", self.run_id, error)
            connection.close()
            if started > self._deadline:
                self._lose()
        else:
            self._deadline = started + settings.LEASE_SECONDS

    def _lose(self) -> None:
        self._lost = True
        self._stop()

    def _stop(self) -> None:
        if self.on_stop is not None:
            self.on_stop()


_held: set[Lease] = set()
_stopping = threading.Event()


def interrupt_all() -> None:
    """Stop every run of this process, and those that it might still take; each goes back to the queue."""
    _stopping.set()
    for lease in tuple(_held):
        lease.interrupt()

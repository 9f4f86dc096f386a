"""Verifications of the history, kept with their outcome; checkpoints at intervals."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from replicas.audit import chain, checkpoints
from replicas.audit.chain import Verdict
from replicas.audit.checkpoints import BadCheckpoint, Checkpoint
from replicas.models import AuditCheck, AuditEvent

logger = logging.getLogger(__name__)


def verify(by: str, marks: list[Checkpoint] | None = None) -> AuditCheck:
    """Verify the history against `marks`, or against this machine's own checkpoints, and keep the outcome."""
    try:
        verdict = chain.verify(checkpoints.own() if marks is None else marks)
    except BadCheckpoint as error:
        verdict = Verdict(0, 0, 0.0, error.message)
    check = AuditCheck.objects.create(
        by=by,
        events=verdict.events,
        checkpoints=verdict.checkpoints,
        seconds=verdict.seconds,
        event=verdict.event,
        problem=verdict.problem,
    )
    if verdict.problem:
        logger.error("The history is not what was written. %s", verdict.problem)
    return check


def overdue() -> bool:
    """Whether there are events, and nobody has verified them for AUDIT_VERIFY_HOURS."""
    since = timezone.now() - timedelta(hours=settings.AUDIT_VERIFY_HOURS)
    return not AuditCheck.objects.filter(at__gt=since).exists() and AuditEvent.objects.exists()


class Notary:
    """Signs the end of the history every CHECKPOINT_SECONDS, and at once when it starts."""

    def __init__(self) -> None:
        self._next = 0.0

    def look(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + settings.CHECKPOINT_SECONDS
        try:
            checkpoints.write()
        except OSError as error:
            logger.error("No checkpoint of the history could be written: %s", error)

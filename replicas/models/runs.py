"""Runs and their steps: the durable truth that Huey only carries the id of."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from replicas.choices import RUN_ACTIVE, RunState, StepState
from replicas.models.requests import Plan

UNIT_CHARS = 200
"""Of what a step is counted in, and of what it is at."""


class Run(models.Model):
    """One execution of a plan. Whoever holds the lease with the current fence may write; nobody else."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    attempt = models.PositiveIntegerField(_("attempt"), default=1)
    fence = models.PositiveIntegerField(_("fencing number"), default=0)
    # Never null, but to a table that triggers name SQLite adds a column only if it may be, and has such a default.
    takeovers = models.PositiveIntegerField(_("workers lost since a step ended"), null=True, db_default=Value(0))
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    cancel_now = models.BooleanField(default=False, db_default=False, help_text=_("In the middle of a step."))
    facts = models.JSONField(default=dict, blank=True)
    offsets = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text=_("Of each detached command: read up to this byte."),
    )
    last_seq = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    remedy = models.TextField(blank=True)
    failing_line = models.PositiveBigIntegerField(
        null=True, blank=True, help_text=_("The first error of the step that the last attempt failed in.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    held_until = models.DateTimeField(null=True, blank=True, help_text=_("When its maintenance window opens."))
    started_at = models.DateTimeField(null=True, blank=True)
    attempt_started_at = models.DateTimeField(
        _("start of the attempt"),
        null=True,
        blank=True,
        help_text=_("When a worker first took it up since it was queued or retried."),
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint("plan", condition=Q(state__in=RUN_ACTIVE), name="run_one_active_a_plan"),
        )
        indexes = (models.Index(fields=["state", "lease_until"]),)

    def __str__(self) -> str:
        return f"{self.plan} #{self.pk}"

    @property
    def stopping(self) -> bool:
        """Whether a stop is requested of a run that has not ended."""
        return bool(self.cancel_requested_by) and self.state in RUN_ACTIVE

    @property
    def deserted(self) -> bool:
        """Whether the worker that had the run has not renewed its lease, as one that died."""
        return self.state == RunState.RUNNING and self.lease_until is not None and self.lease_until < timezone.now()

    @property
    def held(self) -> datetime | None:
        """When the window opens that it waits for; in one that is open, it only waits for a worker."""
        waits = self.state == RunState.QUEUED and self.held_until is not None and self.held_until > timezone.now()
        return self.held_until if waits else None


class StepRun(models.Model):
    """One step of a run, written before a host is touched."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    index = models.PositiveIntegerField()
    key = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    stage = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=StepState, default=StepState.PENDING)
    attempt = models.PositiveIntegerField(default=0)
    progress_done = models.PositiveBigIntegerField(default=0)
    progress_total = models.PositiveBigIntegerField(default=0)
    progress_unit = models.CharField(max_length=UNIT_CHARS, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("run", "index")
        constraints = (
            models.UniqueConstraint("run", "index", name="step_index_unique"),
            models.UniqueConstraint("run", "key", name="step_key_unique"),
        )

    def __str__(self) -> str:
        return self.title


def never_began() -> Q:
    """Of runs: cancelled before any of their steps began. They did nothing, and what they know they only inherited."""
    begun = StepRun.objects.filter(run=OuterRef("pk"), started_at__isnull=False)
    return Q(state=RunState.CANCELLED) & ~Q(Exists(begun))


class LogLine(models.Model):
    """One line of a run's log: numbered from 1 without gaps, secrets already replaced."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="lines")
    seq = models.PositiveBigIntegerField()
    step = models.PositiveIntegerField(_("index of the step"), null=True)
    level = models.CharField(max_length=7)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("run", "seq")
        constraints = (models.UniqueConstraint("run", "seq", name="line_seq_unique"),)

    def __str__(self) -> str:
        return self.text


class LogChunk(models.Model):
    """Lines of an ended run, compressed (replicas/stream/chunks.py): they take the place of their rows."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="chunks")
    first_seq = models.PositiveBigIntegerField()
    last_seq = models.PositiveBigIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ("run", "first_seq")
        constraints = (models.UniqueConstraint("run", "first_seq", name="chunk_first_unique"),)

    def __str__(self) -> str:
        return f"{self.run}: {self.first_seq} to {self.last_seq}"

"""The history: events that outlive their subjects, chained by hash."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEvent(models.Model):
    """Who did what, on what, from where, with what before and after. Names are text: subjects may go away."""

    at = models.DateTimeField()
    actor = models.CharField(_("who"), max_length=150)
    verb = models.CharField(_("what"), max_length=60)
    kind = models.CharField(_("kind of object"), max_length=30)
    object_id = models.CharField(max_length=40)
    label = models.CharField(_("object"), max_length=300)
    address = models.CharField(_("from where"), max_length=60, blank=True)
    reason = models.TextField(blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    # NULL: SQLite adds such a column in place, where another one would copy the table and lose its triggers.
    request_id = models.CharField(_("request"), max_length=64, null=True, blank=True)  # noqa: DJ001
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ("-pk",)
        indexes = (
            models.Index(fields=["kind", "object_id"]),
            models.Index(fields=["actor", "-id"], name="event_by_actor"),
            models.Index(fields=["kind", "-id"], name="event_by_kind"),
            models.Index(fields=["verb", "-id"], name="event_by_verb"),
            models.Index(fields=["at"], name="event_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.label}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("An audit event is never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("An audit event is never deleted.")


class AuditHead(models.Model):
    """Where the history ends, and how many events it has: one row, moved by a trigger with every event."""

    last_id = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    events = models.BigIntegerField()

    def __str__(self) -> str:
        return f"event {self.last_id}"


class AuditCheck(models.Model):
    """One verification of the history: what was looked at, and the first thing that was wrong."""

    at = models.DateTimeField(auto_now_add=True)
    by = models.CharField(max_length=150)
    events = models.BigIntegerField()
    checkpoints = models.IntegerField()
    seconds = models.FloatField()
    event = models.BigIntegerField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.problem or f"{self.events} events are in order"

"""Verify the chain of the history."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from replicas import audit
from replicas.models import AuditEvent


class Command(BaseCommand):
    help = "Follow the chain of the history from its first event, and name the first one that does not fit."

    def handle(self, *args: Any, **options: Any) -> None:
        if (bad := audit.verify()) is not None:
            raise CommandError(
                f"Event {bad.pk} ({bad.at:%Y-%m-%d %H:%M:%S} UTC, {bad}) does not follow the one before it."
            )
        self.stdout.write(f"{AuditEvent.objects.count()} events, each following the one before.")

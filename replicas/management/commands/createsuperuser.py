"""`manage.py createsuperuser`, with a trace."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from replicas.management.people import recorded


class Command(createsuperuser.Command):
    """Django's own; the history has whom it made."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        with recorded("user:add"):
            return super().handle(*args, **options)

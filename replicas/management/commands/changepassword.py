"""`manage.py changepassword`, with a trace."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import changepassword

from replicas.management.people import recorded


class Command(changepassword.Command):
    """Django's own; the history has whose password it changed."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        with recorded("user:change", changed="password"):
            return super().handle(*args, **options)

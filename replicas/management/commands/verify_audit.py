"""Verify the history: its chain, its end, and the signed checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from replicas.audit import checkpoints, checks
from replicas.errors import PortalError


class Command(BaseCommand):
    help = (
        "Follows the chain of the history from its first event, compares it with the signed checkpoints, and names the "
        "first event that does not fit. Ends with status 1 then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoints",
            metavar="FILE",
            type=Path,
            action="append",
            help="A copy of a file of checkpoints, instead of this machine's own; may be given several times.",
        )
        parser.add_argument(
            "--public-key",
            metavar="FILE",
            type=Path,
            action="append",
            default=[],
            help="The key that signed them (PEM), instead of this machine's own; may be given several times.",
        )
        parser.add_argument("--show-key", action="store_true", help="Print this machine's public key, and do nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["show_key"]:
            self.stdout.write(checkpoints.public_key_pem(), ending="")
            return
        try:
            marks = self._checkpoints(options["checkpoints"], options["public_key"])
        except PortalError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from error
        check = checks.verify("manage.py verify_audit", marks)
        if check.problem:
            raise CommandError(check.problem)
        self.stdout.write(
            f"{check.events} events, each following the one before; {check.checkpoints} checkpoints agree "
            f"({check.seconds:.1f} s)."
        )

    def _checkpoints(self, files: list[Path] | None, key_files: list[Path]) -> list[checkpoints.Checkpoint] | None:
        """None for this machine's own ones."""
        if files is None and not key_files:
            return None
        keys = [checkpoints.load_public_key(path) for path in key_files]
        keys = keys or [checkpoints.private_key().public_key()]
        own = [settings.CHECKPOINTS_FILE]
        return [mark for path in files or own for mark in checkpoints.read(path, keys)]

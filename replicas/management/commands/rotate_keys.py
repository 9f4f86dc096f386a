"""`manage.py rotate_keys`: everything that is stored encrypted gets the first key of the ring."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from replicas import keyring
from replicas.actions import rotate_keys
from replicas.errors import PortalError


class Command(BaseCommand):
    help = "Encrypts all stored credentials again, under the first key of the ring. Safe to run twice."
    requires_system_checks = ()  # they refuse to start without the keys that this command deals with

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--new", action="store_true", help="put a fresh key first in the ring's file before")
        which.add_argument("--forget", metavar="ID", help="delete the credentials of a key that is lost for good")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["forget"]:
                self._forget(options["forget"])
            else:
                self._rotate(options["new"])
        except PortalError as error:
            raise CommandError(str(error)) from error

    def _forget(self, key_id: str) -> None:
        count = rotate_keys.forget(key_id)
        self.stdout.write(f"{count} credentials that only «{key_id}» opened are deleted.")

    def _rotate(self, new: bool) -> None:
        if new:
            rotate_keys.require_keys()
            self.stdout.write(f"Added the key «{keyring.add()}» to {keyring.source()}.")
        done = rotate_keys.rotate()
        self.stdout.write(f"{done.changed} of {done.total} credentials encrypted again; all use «{done.key_id}» now.")
        if done.idle:
            names = ", ".join(f"«{key_id}»" for key_id in done.idle)
            self.stdout.write(f"No longer needed, but by backups of the database: {names}.")

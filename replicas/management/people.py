"""People who are made or changed on the command line: as those of the admin, they are in the history."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from replicas import audit
from replicas.audit.people import facts
from replicas.permissions import Actor


@contextmanager
def recorded(verb: str, **what: Any) -> Iterator[None]:
    """Whoever is saved within the block is saved with an event, or not at all; Django's commands leave no other place.

    `what` is added to the facts about the person. The event names the account of the system that called the command.
    """
    save = User.save

    def save_and_record(user: User, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            save(user, *args, **options)
            audit.record(Actor.system(), verb, user, after=facts(user) | what, reason=f"Command line, by {_account()}")

    User.save = save_and_record  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        User.save = save  # type: ignore[method-assign]


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in containers
        return "somebody"

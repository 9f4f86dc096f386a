"""`python -m tests.faults.acts ACT...`: what people and workers do, in a process of its own on the site's services."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs set-up Django
from django.db import transaction  # noqa: E402

from replicas import tasks  # noqa: E402
from replicas.audit import chain  # noqa: E402
from tests.replicas.lifecycle import rows  # noqa: E402
from tests.replicas.views import world  # noqa: E402


def prepare() -> None:
    """Tables, and one person a role."""
    call_command("migrate", verbosity=0)
    world.cast()


def request(hostname: str) -> None:
    """An approved installation by the twin, queued; prints the number of its run."""
    with transaction.atomic():
        run = rows.make_run(hostname)
        transaction.on_commit(lambda: tasks.execute(run.pk))
    sys.stdout.write(f"{run.pk}\n")


def verify() -> None:
    """Fails when the history's chain is broken."""
    if problem := chain.verify().problem:
        raise SystemExit(problem)


def worker() -> None:
    """`manage.py worker`, with the twin as the backend."""
    rows.use_twin()
    call_command("worker")


ACTS: dict[str, Callable[..., None]] = {"prepare": prepare, "request": request, "verify": verify, "worker": worker}

if __name__ == "__main__":
    ACTS[sys.argv[1]](*sys.argv[2:])

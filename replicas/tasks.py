"""Huey's doors. A task is lost when its worker dies: the row of the run is the truth, and the sweeper queues again."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import DatabaseError
from huey.contrib.djhuey import HUEY, close_db, db_task
from redis.exceptions import RedisError

from portal.queue import beside
from replicas import outbox
from replicas.audit import checks
from replicas.lifecycle import looking, preflight, runner, sweeper
from replicas.lifecycle.sweeper import QueueAway
from replicas.models import Draft, Plan, Realm

BESIDE = beside(HUEY)
"""For everything but runs, with threads of its own: neither keeps the other waiting."""


def beside_task(function: Callable[..., None]) -> Any:
    return BESIDE.task()(close_db(function))


@db_task()  # type: ignore[untyped-decorator]  # Huey has no types
def execute(run_id: int) -> None:
    if runner.execute(run_id):
        with suppress(DatabaseError):  # only its look comes later
            looking.outdated(run_id)
        with suppress(QueueAway):  # the next sweep does it
            sweeper.enqueue_waiting(sys.modules[__name__])


@beside_task
def deliver() -> None:
    outbox.deliver()


@beside_task
def check_draft(pk: int) -> None:
    for draft in Draft.objects.filter(pk=pk):
        preflight.check(draft)


@beside_task
def check_table(table: str) -> None:
    preflight.check_all(Draft.objects.filter(table=table))


@beside_task
def check_plan(pk: int) -> None:
    for plan in Plan.objects.filter(pk=pk):
        preflight.check(plan)


@beside_task
def verify_history(by: str) -> None:
    checks.verify(by)


@beside_task
def look(realm_id: int) -> None:
    for realm in Realm.objects.filter(pk=realm_id):
        looking.look(realm)


def waiting() -> set[int]:
    """Runs that have a task in the queue. Raises QueueAway."""
    try:
        pending = HUEY.pending()
    except (RedisError, sqlite3.Error, ValueError) as error:  # ValueError: signed with another PORTAL_SECRET_KEY
        raise QueueAway(str(error)) from error
    return {task.args[0] for task in pending if isinstance(task, execute.task_class)}

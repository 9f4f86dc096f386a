"""What keeps one part of a sweep from its work keeps no other one from its own, and does not end the sweeper."""

from __future__ import annotations

import logging
import sqlite3
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from replicas import audit
from replicas.choices import RunState
from replicas.lifecycle import lockfile, sweeper
from replicas.lifecycle.recovery import Recovery
from replicas.models import Run
from replicas.permissions import Actor
from tests.replicas.lifecycle.rows import make_run

pytestmark = pytest.mark.usefixtures("rows")


class FullDisk:
    """A queue in a file into which nothing can be written, as SQLite says it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def _refuse(self, what: str) -> object:
        self.asked.append(what)
        raise sqlite3.OperationalError("database or disk is full")

    def execute(self, run_id: int) -> object:
        return self._refuse(f"execute {run_id}")

    def waiting(self) -> set[int]:
        return set()

    def deliver(self) -> object:
        return self._refuse("deliver")

    def verify_history(self, by: str) -> object:
        return self._refuse("verify")

    def look(self, realm_id: int) -> object:
        return self._refuse("look")


def test_a_queue_on_a_full_disk_ends_no_sweeper(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.SWEEP_SECONDS, settings.LOOK_SECONDS = 0.02, 0
    run = make_run()
    with transaction.atomic():
        audit.record(Actor.system(), "run:queue", run)
    queue = FullDisk()
    with caplog.at_level(logging.WARNING):
        keeper = sweeper.Sweeper(queue, Recovery(lambda run_id: None, 1))
        keeper.start()
        end = time.monotonic() + 10
        while queue.asked.count("verify") < 3 and time.monotonic() < end:
            time.sleep(0.01)
        keeper.stop()
    assert queue.asked.count("verify") >= 3, "the parts after the first broken one, look after look"
    assert queue.asked.count(f"execute {run.pk}") >= 3
    assert "Traceback" in caplog.text
    assert "disk is full" in caplog.text


def test_an_abandoned_run_is_found_whatever_fails_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_run(), make_run("replica2.example.com")
    ago = timezone.now() - timedelta(seconds=1)
    Run.objects.filter(pk=first.pk).update(state=RunState.RUNNING, lease_until=ago + timedelta(hours=1))
    Run.objects.filter(pk=second.pk).update(state=RunState.RUNNING, lease_until=ago)
    file = lockfile.path(first.pk, 0)
    file.mkdir(parents=True)  # cannot be opened as a file is
    monkeypatch.setattr("replicas.lifecycle.bundles.expire", lambda: 1 / 0)
    assert sweeper.sweep(Deaf()) == 1
    assert list(Run.objects.order_by("pk").values_list("state", flat=True)) == [RunState.RUNNING, RunState.QUEUED]


class Deaf(FullDisk):
    """Takes everything, and does nothing."""

    def _refuse(self, what: str) -> object:
        return None


def test_a_run_whose_window_cannot_be_told_keeps_no_other_one_waiting() -> None:
    held, free = make_run(), make_run("replica2.example.com")
    policy = {**held.plan.job["policy"], "windows": ["Mon-Fri 22:00-04:00"], "zone": "Europe/Gone"}
    type(held.plan).objects.filter(pk=held.plan.pk).update(job={**held.plan.job, "policy": policy})
    Run.objects.filter(pk=held.pk).update(held_until=timezone.now() - timedelta(hours=1))
    queue = Deaf()
    queue.execute = lambda run_id: queue.asked.append(str(run_id))  # type: ignore[method-assign]
    sweeper.enqueue_waiting(queue)
    assert queue.asked == [str(free.pk)]

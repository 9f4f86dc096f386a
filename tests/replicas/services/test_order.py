"""Whoever changes plans takes the replica first, then the plan and the run, and the history last (PostgreSQL)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection, transaction

from replicas.actions import change_master, tables
from replicas.actions.approve import approve
from replicas.actions.cancel import cancel_plan
from replicas.actions.host_keys import accept
from replicas.actions.policies import set_policy
from replicas.actions.reject import reject
from replicas.audit import _POSTGRES_LOCK
from replicas.choices import PlanState, RunState
from replicas.clients import ssh
from replicas.errors import Conflict
from replicas.lifecycle import turns, voiding
from replicas.lifecycle.base import Capabilities
from replicas.lifecycle.credentials import wiping
from replicas.lifecycle.fencing import LeaseLost
from replicas.lifecycle.lease import Lease
from replicas.lifecycle.order import hold
from replicas.lifecycle.outcome import Outcome
from replicas.lifecycle.runner import Execution
from replicas.models import AuditEvent, HostKey, Plan, Realm, Run
from tests.replicas.services.conftest import KEY, Cast

pytestmark = pytest.mark.django_db(transaction=True)
OTHER_KEY = KEY.replace("DPR0", "DPR1")
PATIENCE_SECONDS = 10.0


def end_run(cast: Cast, plan: Plan) -> None:
    """As a worker does with the passwords of its run."""
    run = Run.objects.create(plan=plan, state=RunState.RUNNING, fence=1)
    with wiping(run, Lease(run.pk, 1, 0.0)):
        pass


class Begun(Execution):
    """A worker that has begun a run, and loses it."""

    def __init__(self, run: Run) -> None:
        self.row, self.lease = run, Lease(run.pk, 1, 0.0)

    def _attempt(self) -> Outcome:
        raise LeaseLost


def begin_run(cast: Cast, plan: Plan) -> None:
    run = Run.objects.create(plan=plan, state=RunState.RUNNING, fence=1)
    with suppress(LeaseLost):
        Begun(run).run()
    assert AuditEvent.objects.filter(verb="run:start").exists()


def draw_table(cast: Cast, plan: Plan) -> None:
    def refuse() -> Plan:
        raise Conflict("It is not the time for it.", "Wait.")

    with suppress(tables.SomeRefused):
        tables.draw(cast.operator, [tables.Row(plan.replica, "", freeze=refuse)])


def accept_key(cast: Cast, plan: Plan) -> None:
    known = HostKey.objects.get(hostname=plan.replica.hostname)
    accept(cast.administrator, known, OTHER_KEY, ssh.fingerprint(OTHER_KEY), "reinstalled")


ACTIONS: dict[str, Callable[[Cast, Plan], object]] = {
    "approve": lambda cast, plan: approve(cast.approver, plan, plan.digest, "fine"),
    "reject": lambda cast, plan: reject(cast.approver, plan, plan.digest, "no"),
    "cancel": lambda cast, plan: cancel_plan(cast.operator, plan, "mistyped"),
    "void": lambda cast, plan: voiding.void(plan, "late"),
    "policy": lambda cast, plan: set_policy(cast.administrator, Realm.objects.get(), "stricter", needed=2),
    "host key": accept_key,
    "table": draw_table,
    "beginning of a run": begin_run,
    "end of a run": end_run,
}


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replicas.actions.approve.execute", lambda run_id: None)


@pytest.fixture(autouse=True)
def with_row_locks(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")


@pytest.mark.parametrize("name", ACTIONS)
def test_whoever_waits_for_a_replica_keeps_nobody_waiting(name: str, cast: Cast, plan: Plan) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            hold(plan.replica_id)
            other = pool.submit(apart, ACTIONS[name], cast, plan.pk)
            wait_until_it_waits()
            Plan.objects.select_for_update(nowait=True).get(pk=plan.pk)
            assert history_is_free()
        other.result(PATIENCE_SECONDS)


def test_a_worker_that_takes_a_run_and_a_change_of_its_master_do_not_wait_for_each_other(
    cast: Cast, plan: Plan
) -> None:
    """The worker has locked the master, and wants the run."""
    run = Run.objects.create(plan=plan)
    found = Capabilities("EXAMPLE.COM", "example.com", "dc=example,dc=com", True, True, "PEM")
    moved = change_master.Change("192.0.2.99", 2222, "portal", "moved to another rack")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            turns.place(run).lock()
            other = pool.submit(
                apart, lambda cast, plan: change_master._store(cast.administrator, plan.replica.master, moved, found),
                cast, plan.pk,
            )  # fmt: skip
            wait_until_it_waits()
            Run.objects.select_for_update(nowait=True).get(pk=run.pk)
        other.result(PATIENCE_SECONDS)


def test_an_approval_during_a_change_of_the_policy_is_called_off(cast: Cast, plan: Plan) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            set_policy(cast.administrator, Realm.objects.get(), "stricter", needed=2)
            other = pool.submit(apart, ACTIONS["approve"], cast, plan.pk)
            wait_until_it_waits()
        with pytest.raises(Conflict):
            other.result(PATIENCE_SECONDS)
    plan.refresh_from_db()
    assert plan.state == PlanState.VOID
    assert not Run.objects.exists()


def apart(action: Callable[[Cast, Plan], object], cast: Cast, key: int) -> object:
    """On a connection of its own."""
    try:
        return action(cast, Plan.objects.get(pk=key))
    finally:
        connection.close()


def wait_until_it_waits() -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def history_is_free() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_POSTGRES_LOCK])
        return bool(cursor.fetchone() == (True,))

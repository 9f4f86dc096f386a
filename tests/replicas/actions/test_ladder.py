"""The permission ladder: each action, tried by everybody, does nothing for those who may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError

from replicas.actions import change_master, host_keys, later, register_master, submit
from replicas.actions.add_records import add_records
from replicas.actions.cancel import cancel_plan, cancel_run
from replicas.actions.reject import reject
from replicas.actions.retry import retry
from replicas.actions.set_credentials import set_credentials
from replicas.actions.setup_dns import setup_dns
from replicas.choices import PlanState, ReplicaState, RunState
from replicas.errors import NotAllowed, PortalError
from replicas.models import AuditEvent, Plan, Replica, Run
from replicas.permissions import ROLES, Actor, may
from tests.replicas.identity import host_key
from tests.replicas.services.conftest import KEY, Cast, approve, person

GIVEN = register_master.Registration("m.example.com", "192.0.2.9", 22, "root", "twin", "SHA256:x", "secret", "secret")
MOVED = change_master.Change("192.0.2.9", 22, "root", "moved")
EVERYBODY = ("viewer", "operator", "approver", "administrator", "outsider", "root")
OPERATORS, ADMINISTRATORS = {"operator", "root"}, {"administrator", "root"}


def run_of(plan: Plan, state: RunState) -> Run:
    Plan.objects.update(state=PlanState.APPROVED)
    return Run.objects.create(plan=plan, state=state)


LADDER: dict[str, tuple[set[str], Callable[[Actor, Plan], object]]] = {
    "submit": (OPERATORS, lambda actor, plan: submit.submit(actor, plan.replica)),
    "add_records": (OPERATORS, lambda actor, plan: add_records(actor, plan.replica)),
    "setup_dns": (OPERATORS, lambda actor, plan: setup_dns(actor, plan.replica, no_forwarders=True)),
    "add_authority": (OPERATORS, lambda actor, plan: later.add_authority(actor, plan.replica)),
    "add_recovery": (OPERATORS, lambda actor, plan: later.add_recovery(actor, plan.replica)),
    "hide": (OPERATORS, lambda actor, plan: later.hide(actor, plan.replica)),
    "announce": (OPERATORS, lambda actor, plan: later.announce(actor, plan.replica)),
    "reinitialize": (
        OPERATORS,
        lambda actor, plan: later.reinitialize(actor, plan.replica, suffix="domain", partner="x.example.com"),
    ),
    "add_agreement": (
        OPERATORS,
        lambda actor, plan: later.add_agreement(actor, plan.replica, suffix="domain", partner="x.example.com"),
    ),
    "approve": ({"approver", "root"}, lambda actor, plan: approve(actor, plan, plan.digest, "needed")),
    "reject": ({"approver", "root"}, lambda actor, plan: reject(actor, plan, plan.digest, "not needed")),
    "cancel_plan": (OPERATORS | ADMINISTRATORS, lambda actor, plan: cancel_plan(actor, plan, "typed wrong")),
    "cancel_run": (
        OPERATORS | ADMINISTRATORS,
        lambda actor, plan: cancel_run(actor, run_of(plan, RunState.RUNNING), "wrong day"),
    ),
    "retry": (OPERATORS | ADMINISTRATORS, lambda actor, plan: retry(actor, run_of(plan, RunState.FAILED), "again")),
    "inspect": (ADMINISTRATORS, lambda actor, plan: register_master.inspect(actor, "192.0.2.9", 22)),
    "register": (ADMINISTRATORS, lambda actor, plan: register_master.register(actor, GIVEN)),
    "change_master": (ADMINISTRATORS, lambda actor, plan: change_master.change(actor, plan.replica.master, MOVED)),
    "set_credentials": (ADMINISTRATORS, lambda actor, plan: set_credentials(actor, plan.replica.master.realm, {})),
    "accept_host_key": (
        ADMINISTRATORS,
        lambda actor, plan: host_keys.accept(actor, plan.replica.host_key, KEY, "SHA256:other", "reinstalled"),
    ),
}


@pytest.fixture(autouse=True)
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: KEY)


@pytest.mark.parametrize("who", [*EVERYBODY, "portal"])
@pytest.mark.parametrize("action", LADDER)
def test_the_ladder(cast: Cast, plan: Plan, action: str, who: str) -> None:
    allowed, act = LADDER[action]
    actor = Actor.system() if who == "portal" else getattr(cast, who)
    events = AuditEvent.objects.count()
    if who in allowed:
        try:
            act(actor, plan)
        except NotAllowed as error:
            pytest.fail(str(error))
        except (PortalError, ValidationError):
            pass  # allowed, but this plan is not in the state for it
    else:
        with pytest.raises(NotAllowed):
            act(actor, plan)
        assert AuditEvent.objects.count() == events
        assert Replica.objects.get().state == ReplicaState.REQUESTED


@pytest.mark.parametrize("verb", ROLES)
def test_nothing_without_a_role_or_an_account(cast: Cast, verb: str) -> None:
    assert isinstance(cast.root.user, User)
    assert may(cast.root.user, verb)
    assert not may(cast.outsider.user, verb)
    assert not may(AnonymousUser(), verb)
    assert not may(None, verb)
    cast.root.user.is_active = False
    assert not may(cast.root.user, verb)


def test_operators_cancel_what_they_asked_for(cast: Cast, plan: Plan) -> None:
    colleague = person("colleague", "operator")
    run = run_of(plan, RunState.RUNNING)
    with pytest.raises(NotAllowed, match="another person's request"):
        cancel_plan(colleague, plan, "mine now")
    with pytest.raises(NotAllowed, match="another person's request"):
        cancel_run(colleague, run, "mine now")
    assert may(cast.operator.user, "cancel", run)
    assert may(cast.administrator.user, "cancel", run)


def test_nobody_decides_on_an_own_request_whatever_the_roles(wanted: Any, twin: None, db: None) -> None:
    roles = ("operator", "approver", "administrator")
    for actor in (person("everything", *roles), person("god", *roles, superuser=True)):
        plan = submit.store(actor, wanted(hostname=f"{actor.name}.example.com"), host_key(actor.name))
        for decide in (approve, reject):
            with pytest.raises(NotAllowed, match="request of their own"):
                decide(actor, plan, plan.digest, "mine")
        assert not may(actor.user, "decide", plan)

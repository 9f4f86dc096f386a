"""Every form, sent to something that is not in the state for it: refused in words and in the history, and nothing done.

Whoever has a page open from before can still press its button, and whoever knows an address can send anything to it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from replicas.actions import host_keys
from replicas.choices import BundleState, Decision, PlanAction, PlanState, ReplicaState
from replicas.clients import ssh
from replicas.models import ApprovalPolicy, AuditEvent, AuditHead, Bypass, Draft, Plan, RealmLook, Replica, Run
from replicas.views.acting import OTHER_STATE
from tests.replicas.services.conftest import KEY
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World
from tests.replicas.views.test_access import PAGES, address
from tests.replicas.views.test_replicas import ASKED

WHY = {"reason": "Because"}
TWICE = "https://chat.example.com/hooks/2"


class Try(NamedTuple):
    """Who sends what where; `prepare` brings the world into that state, and gives the address's arguments."""

    page: str
    who: str
    prepare: Callable[[World], list[Any]]
    says: str
    data: Any = WHY


def plan_in(state: PlanState, **changes: Any) -> Callable[[World], list[Any]]:
    def prepare(world: World) -> list[Any]:
        Plan.objects.filter(pk=world.waiting.pk).update(state=state, **changes)
        return [world.waiting.pk]

    return prepare


def seen(world: World) -> dict[str, str]:
    """What the plan's page sends along."""
    return WHY | {"digest": world.waiting.digest}


def approved_once(world: World) -> list[Any]:
    """A plan that needs two approvals, and has one of theirs."""
    ApprovalPolicy.objects.create(realm=world.master.realm, needed=2)
    Plan.objects.filter(pk=world.waiting.pk).update(state=PlanState.CANCELLED)
    world.waiting = w.plan_of(world.waiting.replica, PlanState.WAITING)
    w.decide(world.waiting, world.people["approver"], Decision.APPROVE, "first")
    return [world.waiting.pk]


def refused_before(name: str) -> Callable[[World], list[Any]]:
    """One of the acts on a request that was rejected, so that there never was a run."""

    def prepare(world: World) -> list[Any]:
        Plan.objects.filter(pk=world.waiting.pk).update(state=PlanState.REJECTED)
        Replica.objects.filter(pk=world.waiting.replica_id).update(state=ReplicaState.REJECTED)
        return [world.waiting.replica_id, name]

    return prepare


def act(hostname: str, name: str, **changes: Any) -> Callable[[World], list[Any]]:
    """One of the acts on the replica of that name, whose newest run gets these values."""

    def prepare(world: World) -> list[Any]:
        replica = Replica.objects.get(hostname=f"{hostname}.example.com")
        newest = Run.objects.filter(plan__replica=replica).last()
        if newest and changes:
            Run.objects.filter(pk=newest.pk).update(**changes)
        return [replica.pk, name]

    return prepare


def replica_in(state: ReplicaState, name: str, **changes: Any) -> Callable[[World], list[Any]]:
    def prepare(world: World) -> list[Any]:
        Replica.objects.filter(pk=world.verified.pk).update(state=state, **changes)
        return [world.verified.pk, name]

    return prepare


def with_another_plan(name: str) -> Callable[[World], list[Any]]:
    def prepare(world: World) -> list[Any]:
        w.plan_of(world.verified, PlanState.WAITING, PlanAction.RECORDS)
        return [world.verified.pk, name]

    return prepare


def bundle_in(state: BundleState, replica: ReplicaState = ReplicaState.FAILED) -> Callable[[World], list[Any]]:
    def prepare(world: World) -> list[Any]:
        bundle = world.failed.bundles.get()
        bundle.state, bundle.replica.state = state, replica
        bundle.save()
        bundle.replica.save()
        return [bundle.replica_id, bundle.pk]

    return prepare


def reviewed(world: World) -> list[Any]:
    Bypass.objects.filter(run=world.bypassed).update(
        reviewed_by=world.people["approver"], reviewed_at=timezone.now(), review="It was needed"
    )
    return [world.failed.pk]


def without_mark(world: World) -> list[Any]:
    return [world.failed.pk]


def held_and_over(world: World) -> list[Any]:
    Run.objects.filter(pk=world.failed.pk).update(held_until=timezone.now() + timedelta(hours=1))
    return [world.failed.pk]


def looked_at_now(world: World) -> list[Any]:
    RealmLook.objects.create(realm=world.master.realm, asked_at=timezone.now())
    return [world.master.realm_id]


def with_every_record(world: World) -> list[Any]:
    """Nobody looked, or what was missing is there by now."""
    RealmLook.objects.filter(realm=world.master.realm).update(dns=[])
    return [world.master.realm_id]


def without_passwords(world: World) -> list[Any]:
    world.master.realm.credentials.all().delete()
    return [world.master.realm_id]


def master_without_passwords(world: World) -> list[Any]:
    without_passwords(world)
    return [world.master.pk]


def master(world: World) -> list[Any]:
    return [world.master.pk]


def pinned_already(world: World) -> list[Any]:
    key = world.master.host_key
    key.key, key.fingerprint = KEY, ssh.fingerprint(KEY)
    key.save()
    return [world.master.pk]


def nowhere(world: World) -> list[Any]:
    return []


def outrun_draft(world: World) -> list[Any]:
    """It asks for the end of a replica that is removed by now."""
    Replica.objects.filter(pk=world.verified.pk).update(state=ReplicaState.REMOVED)
    return [world.draft.pk]


def row_of_a_table(world: World) -> list[Any]:
    return [Draft.objects.filter(table=world.table)[0].pk]


def outrun_table(world: World) -> list[Any]:
    """Somebody else has asked for one of its hosts by now."""
    table = world.table
    w.request(world.master, "row1.example.com", world.people["both"], ReplicaState.REQUESTED)
    return [table]


def known_webhook(world: World) -> list[Any]:
    w.webhook("monitor", TWICE)
    return []


DECIDED = (PlanState.APPROVED, PlanState.REJECTED, PlanState.CANCELLED, PlanState.VOID)
LATE = {"expires_at": timezone.now() - timedelta(hours=1)}
TRIES = [
    *(
        Try(page, who, plan_in(state), "decided on already", seen)
        for page, who in (("approve", "approver"), ("reject", "approver"), ("break_glass", "administrator"))
        for state in DECIDED
    ),
    *(
        Try(page, who, plan_in(PlanState.WAITING, **LATE), "The time to approve this plan is over.", seen)
        for page, who in (("approve", "approver"), ("reject", "approver"), ("break_glass", "administrator"))
    ),
    *(
        Try(page, who, plan_in(PlanState.WAITING), "not the one that you were looking at", WHY | {"digest": "0" * 64})
        for page, who in (("approve", "approver"), ("reject", "approver"), ("break_glass", "administrator"))
    ),
    *(Try("plan_check", "operator", plan_in(state), "The plan is decided.") for state in DECIDED),
    *(
        Try("plan_compare", "operator", plan_in(state), "decided on already", {"fingerprint": f"SHA256:{'A' * 43}"})
        for state in DECIDED
    ),
    Try("approve", "approver", approved_once, "You have approved this plan already.", seen),
    Try("reject", "approver", approved_once, "You have approved this plan already.", seen),
    Try("review", "both", reviewed, "has changed in the meantime", {"text": "Me too"}),
    Try("start_now", "administrator", without_mark, "This run is not held."),
    Try("start_now", "administrator", held_and_over, "This run is not held."),
    Try("replica_act", "operator", act("verified", "retry"), "There is no run of"),
    Try("replica_act", "operator", act("waiting", "retry"), "There is no run of"),
    Try("replica_act", "operator", act("running", "retry"), "There is no run of"),
    Try("replica_act", "operator", act("verified", "undo"), "its installation cannot be undone"),
    Try("replica_act", "operator", act("waiting", "undo"), "is in another state: Awaiting approval"),
    Try("replica_act", "operator", act("running", "undo"), "Another run is working on"),
    Try("replica_act", "operator", act("failed", "remove"), "is in another state: Failed"),
    Try("replica_act", "operator", act("running", "remove"), "Another run is working on"),
    Try("replica_act", "operator", with_another_plan("remove"), "is waiting for its approval"),
    Try("replica_act", "operator", act("failed", "dns"), "to a verified replica", {"no_forwarders": "on"}),
    Try(
        "replica_act", "operator", replica_in(ReplicaState.VERIFIED, "dns", setup_dns=True, no_forwarders=True),
        "to a verified replica that has none", {"no_forwarders": "on"},
    ),
    Try("replica_act", "operator", act("failed", "records"), "is not installed yet"),
    Try("replica_act", "operator", with_another_plan("records"), "is waiting for its approval"),
    *(
        Try("replica_act", "operator", act(name, "resubmit"), "is in another state: ")
        for name in ("verified", "running", "failed", "waiting")
    ),
    Try("replica_act", "operator", act("failed", "cancel"), "The run has ended: Failed"),
    Try("replica_act", "operator", act("verified", "cancel"), "The run has ended: Succeeded"),
    Try("replica_act", "operator", replica_in(ReplicaState.REMOVED, "cancel"), "The run has ended: Succeeded"),
    Try(
        "replica_act", "operator", act("running", "cancel", cancel_requested_by="operator"),
        "has changed in the meantime",
    ),
    Try("replica_act", "operator", act("waiting", "stop"), "Nothing is under way for", WHY | {"confirmed": "on"}),
    Try("replica_act", "operator", refused_before("cancel"), "Nothing is under way for"),
    Try("replica_act", "operator", refused_before("retry"), "There is no run of"),
    Try("replica_act", "operator", refused_before("undo"), "is in another state: Rejected"),
    Try("replica_act", "operator", act("failed", "stop"), "The run has ended: Failed", WHY | {"confirmed": "on"}),
    Try(
        "replica_act", "operator", act("running", "stop", cancel_requested_by="operator", cancel_now=True),
        "has changed in the meantime", WHY | {"confirmed": "on"},
    ),
    Try("bundle_revoke", "operator", bundle_in(BundleState.REVOKED), "The bundle is revoked already."),
    Try("bundle_revoke", "operator", bundle_in(BundleState.USED, ReplicaState.VERIFIED), "are in service on"),
    Try("draft_submit", "operator", outrun_draft, "is in another state: Removed", {"despite": "All the same"}),
    Try("draft_submit", "operator", row_of_a_table, "It is one of a table of requests.", {"despite": "All the same"}),
    Try("table_submit", "operator", outrun_table, "The table is not valid any more.", {"despite": "All the same"}),
    Try("realm_look", "operator", looked_at_now, "is being checked already", {}),
    Try("realm_look", "operator", without_passwords, "is not stored", {}),
    Try("realm_records", "operator", with_every_record, "There are no missing records", {}),
    Try("master_host_key", "administrator", master, "presents another key than", WHY | {"fingerprint": "SHA256:old"}),
    Try(
        "master_host_key", "administrator", pinned_already, "presents the key that is pinned",
        WHY | {"fingerprint": ssh.fingerprint(KEY)},
    ),
    Try("master_change", "administrator", master_without_passwords, "is not stored",
        WHY | {"ssh_address": "192.0.2.11", "ssh_port": "22", "ssh_user": "root"}),
    Try("webhooks", "administrator", known_webhook, "There is a webhook «monitor» already.",
        {"name": "monitor", "url": TWICE, "kinds": ["failed"]}),
    Try("replica_request", "operator", nowhere, "a request or a replica for verified.example.com already",
        lambda world: ASKED | {"master": world.master.pk, "hostname": "verified.example.com"}),
    Try("master_register", "administrator", nowhere, "ipaserver.example.com is registered already.",
        {"step": "register", "hostname": "ipaserver.example.com", "ssh_address": "192.0.2.10", "ssh_port": "22",
         "ssh_user": "root", "backend": "native", "fingerprint": ssh.fingerprint(KEY), "compared": "on",
         "directory_manager": "correct-horse", "admin": "correct-horse"}),
]  # fmt: skip
ELSEWHERE = {
    "replica_bulk": "a table is wrong cell by cell: test_bulk.py",
    "replica_host_key": "the same as master_host_key",
}
"""Forms that need no line above, and why."""
ANY_STATE = {
    "master_credentials", "policy", "webhook_act", "draft_check", "draft_discard", "history_verify", "notices_read",
    "notices_email", "table_check", "table_discard",
}  # fmt: skip
"""Forms that fit whatever there is, as long as it is there."""


@pytest.fixture(autouse=True)
def a_host_that_answers(monkeypatch: pytest.MonkeyPatch, unreachable: None) -> None:
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: KEY)


def everything() -> dict[type[Model], list[dict[str, Any]]]:
    """All rows but those of the history."""
    rows = (model for model in apps.get_app_config("replicas").get_models() if model not in (AuditEvent, AuditHead))
    return {model: list(model._default_manager.order_by("pk").values()) for model in rows}


def said(answer: Any) -> str:
    """The page's notices, and what is wrong with its fields."""
    told = re.findall(r'class="(?:notice .*?</div>|invalid-feedback.*?</span>)', answer.content.decode(), re.S)
    return html.unescape(" ".join(re.sub("<[^>]*>", " ", " ".join(told)).split()))


@pytest.mark.parametrize("one", TRIES, ids=lambda one: f"{one.page} {one.says}")
def test_it_is_refused_and_noted_and_nothing_else(one: Try, world: World) -> None:
    where = reverse(one.page, args=one.prepare(world))
    data = one.data(world) if callable(one.data) else one.data
    client = world.client(one.who)
    before, events = everything(), AuditEvent.objects.count()
    answer = client.post(where, data, follow=True)
    assert answer.status_code == 200
    assert one.says in said(answer)
    assert everything() == before
    assert AuditEvent.objects.count() == events + 1
    event = AuditEvent.objects.latest("pk")
    assert (event.actor, event.verb, event.label) == (one.who, "access:refuse", f"POST {where}")
    assert event.reason == OTHER_STATE


@pytest.mark.parametrize("page", ["draft_submit", "draft_check", "draft_discard"])
def test_a_draft_that_is_gone_is_no_page(page: str, world: World) -> None:
    where = reverse(page, args=[world.draft.pk])
    world.draft.delete()
    answer = world.client("operator").post(where, WHY)
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


@pytest.mark.parametrize("page", ["table_submit", "table_check", "table_discard"])
def test_a_table_that_is_gone_is_no_page(page: str, world: World) -> None:
    where = reverse(page, args=[world.table])
    Draft.objects.all().delete()
    assert world.client("operator").post(where, WHY).status_code == 404


def test_no_form_is_forgotten(world: World) -> None:
    """Every address that takes a POST: buttons, and pages that are forms themselves."""
    taken = {name for name in PAGES if posted(world, name).status_code != 405}
    assert taken == {one.page for one in TRIES} | set(ELSEWHERE) | ANY_STATE


def posted(world: World, name: str) -> Any:
    """Nothing, by somebody who may."""
    return world.client(sorted(PAGES[name].allowed)[0]).post(address(name, world))

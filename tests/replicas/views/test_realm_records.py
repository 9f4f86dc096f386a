"""The missing records of a realm, added with one action: a plan for each replica that lacks some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from replicas.choices import PlanAction, PlanState, ReplicaState
from replicas.models import Draft, Plan, RealmLook, Replica
from tests.replicas.views.conftest import World
from tests.replicas.views.conftest import request as requested
from tests.replicas.views.test_realms import DNS, MASTER, SRV, VERIFIED, page

SECOND = "second.example.com"


def missing(host: str) -> dict[str, Any]:
    return {**DNS[0], "host": host, "record": SRV.replace(VERIFIED, host)}


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"


@pytest.fixture
def second(world: World) -> Replica:
    """A replica that lacks a record, beside the one of the world, and the master."""
    RealmLook.objects.create(
        realm=world.master.realm, at=timezone.now(), dns=[missing(host) for host in (VERIFIED, SECOND, MASTER)]
    )
    return requested(world.master, world.people, "second", ReplicaState.VERIFIED)


def ask(world: World, who: str = "operator", **typed: str) -> Any:
    return world.client(who).post(reverse("realm_records", args=[world.master.realm_id]), typed)


def looked_at() -> None:
    Draft.objects.update(checked_at=timezone.now(), findings=[])


def test_one_button_plans_all_that_is_missing(world: World, second: Replica) -> None:
    shown = page(world, "realm_dns")
    assert shown.count(f'action="{reverse("realm_records", args=[world.master.realm_id])}"') == 1
    assert "Shows 2 plans, one for each replica" in shown
    assert f"No plan can add the records of {MASTER}" in shown
    answer = ask(world, admin="one-run-secret")
    drafts = {draft.job["replica"]["hostname"]: draft for draft in Draft.objects.all()}
    assert set(drafts) == {VERIFIED, SECOND}
    assert {draft.action for draft in drafts.values()} == {PlanAction.RECORDS}
    where = reverse("table", args=[drafts[SECOND].table])
    assert answer["Location"] == where
    client = world.client("operator")
    drawn = client.get(where).content.decode()
    assert "Missing DNS records of 2 replicas" in drawn
    assert f"IN SRV 0 100 389 {SECOND}." in drawn
    assert reverse("replica_bulk") not in drawn
    assert Plan.objects.filter(action=PlanAction.RECORDS).count() == 0

    looked_at()
    assert client.post(f"{where}submit/", {}).status_code == 302
    plans = Plan.objects.filter(action=PlanAction.RECORDS, state=PlanState.WAITING)
    assert {plan.replica.hostname for plan in plans} == {VERIFIED, SECOND}
    assert {plan.credentials.get().name for plan in plans} == {"admin"}
    shown = page(world, "realm_dns")
    assert "Add the missing records" not in shown
    assert f"A plan for {SECOND} waits for its approval." in shown


def test_the_plan_of_a_single_replica_has_its_own_page(world: World, second: Replica) -> None:
    RealmLook.objects.update(dns=[missing(SECOND)])
    answer = ask(world)
    draft = Draft.objects.get()
    assert (answer["Location"], draft.table, draft.replica) == (reverse("draft", args=[draft.pk]), None, second)


def test_all_are_submitted_or_none(world: World, second: Replica) -> None:
    ask(world)
    looked_at()
    ask(world)
    old, new = Draft.objects.order_by("pk").values_list("table", flat=True)[:4:2]
    looked_at()
    client = world.client("operator")
    assert client.post(reverse("table_submit", args=[old])).status_code == 302
    Plan.objects.get(action=PlanAction.RECORDS, replica=second).delete()
    answer = client.post(reverse("table_submit", args=[new]))
    assert "Nothing was requested." in answer.content.decode()
    assert f"Another plan for {VERIFIED} is waiting" in answer.content.decode()
    assert not Plan.objects.filter(action=PlanAction.RECORDS, replica=second).exists()


def test_where_nothing_is_missing_nothing_is_asked_for(world: World, second: Replica) -> None:
    RealmLook.objects.update(dns=[missing(MASTER)])
    shown = page(world, "realm_dns")
    assert "Add the missing records" not in shown
    assert ask(world)["Location"] == reverse("realm_dns", args=[world.master.realm_id])
    assert not Draft.objects.exists()


def test_whoever_may_not_request_sees_the_lines_alone(world: World, second: Replica) -> None:
    shown = page(world, "realm_dns", "viewer")
    assert SRV.replace(VERIFIED, SECOND) in shown
    assert "Add the missing records" not in shown
    assert ask(world, "viewer").status_code == 403

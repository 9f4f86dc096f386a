"""The permission ladder, for every address that there is: a new page cannot be forgotten."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from tests.replicas.views import world as w
from tests.replicas.views.conftest import World

EVERYBODY = {"viewer", "operator", "approver", "administrator", "both", "root"}
ADMINISTRATORS = {"administrator", "root"}
OPERATORS = {"operator", "both", "root"}


class Page(NamedTuple):
    """Who may; `subject` is the attribute of the world whose key is in the address."""

    allowed: set[str]
    subject: str = ""
    method: str = "get"
    more: dict[str, Any] = {}  # noqa: RUF012

    @property
    def own(self) -> bool:
        """Whether it is there for the one person whose it is."""
        return self.subject == "draft" or "table" in self.more


TABLE = {"table": lambda world: world.table}
PAGES = {
    "dashboard": Page(EVERYBODY),
    "masters": Page(EVERYBODY),
    "master": Page(EVERYBODY, "master"),
    "master_register": Page(ADMINISTRATORS),
    "master_credentials": Page(ADMINISTRATORS, "master", "post"),
    "master_host_key": Page(ADMINISTRATORS, "master"),
    "master_change": Page(ADMINISTRATORS, "master"),
    "policy": Page(ADMINISTRATORS, "master"),
    "realms": Page(EVERYBODY),
    "realm": Page(EVERYBODY, "master.realm"),
    "realm_dns": Page(EVERYBODY, "master.realm"),
    "realm_records": Page(OPERATORS, "master.realm", "post"),
    "realm_look": Page(OPERATORS | {"approver", "administrator"}, "master.realm", "post"),
    "replicas": Page(EVERYBODY),
    "replica": Page(EVERYBODY, "verified"),
    "replica_request": Page(OPERATORS),
    "replica_bulk": Page(OPERATORS),
    "replica_bulk_example": Page(OPERATORS),
    "replica_host_key": Page(ADMINISTRATORS, "verified"),
    "replica_act": Page(OPERATORS, "verified", "post", {"name": "dns"}),
    "draft": Page({"operator"}, "draft"),
    "draft_submit": Page({"operator"}, "draft", "post"),
    "draft_check": Page({"operator"}, "draft", "post"),
    "draft_discard": Page({"operator"}, "draft", "post"),
    "table": Page({"operator"}, more=TABLE),
    "table_submit": Page({"operator"}, "", "post", TABLE),
    "table_check": Page({"operator"}, "", "post", TABLE),
    "table_discard": Page({"operator"}, "", "post", TABLE),
    "approvals": Page(EVERYBODY),
    "counters": Page(EVERYBODY),
    "plan": Page(EVERYBODY, "waiting"),
    "plan_check": Page(OPERATORS | {"approver", "administrator"}, "waiting", "post"),
    "plan_compare": Page({"operator", "administrator", "root"}, "waiting", "post"),
    "approve": Page({"approver", "both", "root"}, "waiting", "post"),
    "reject": Page({"approver", "both", "root"}, "waiting", "post"),
    "run": Page(EVERYBODY, "failed"),
    "break_glass": Page(ADMINISTRATORS, "waiting", "post"),
    "review": Page({"approver", "administrator", "both", "root"}, "bypassed", "post"),
    "start_now": Page(ADMINISTRATORS, "failed", "post"),
    "run_lines": Page(EVERYBODY, "failed"),
    "run_find": Page(EVERYBODY, "failed"),
    "run_log": Page(EVERYBODY, "failed"),
    "bundles": Page(EVERYBODY),
    "bundle_revoke": Page(
        OPERATORS | {"administrator"},
        "failed.plan.replica",
        "post",
        {"bundle": lambda world: world.failed.bundles.get().pk},
    ),
    "notices": Page(EVERYBODY),
    "notices_read": Page(EVERYBODY, method="post"),
    "notices_email": Page(EVERYBODY, method="post"),
    "webhooks": Page(ADMINISTRATORS),
    "webhook": Page(ADMINISTRATORS, "webhook"),
    "webhook_act": Page(ADMINISTRATORS, "webhook", "post", {"name": "test"}),
    "history": Page(EVERYBODY),
    "history_verify": Page(EVERYBODY, method="post"),
    "history_export": Page(EVERYBODY, more={"form": "csv"}),
    "timeline": Page(EVERYBODY, more={"kind": "plan", "object_id": lambda world: str(world.waiting.pk)}),
}
OPEN = {"login", "logout", "set_language", "admin_login"}
"""Reached without signing in."""
OWN = {"notice"}
"""Each person's own: tests/replicas/views/test_notices.py."""


def address(name: str, world: World) -> str:
    page = PAGES[name]
    key: dict[str, Any] = {"pk": attrgetter(page.subject)(world).pk} if page.subject else {}
    more = {name: value(world) if callable(value) else value for name, value in page.more.items()}
    return reverse(name, kwargs=key | more)


def test_every_address_is_on_the_ladder() -> None:
    names = {pattern.name for pattern in get_resolver().url_patterns if isinstance(pattern, URLPattern)}
    assert names == set(PAGES) | OPEN | OWN


@pytest.mark.parametrize("name", PAGES)
def test_anonymous_is_sent_to_sign_in(name: str, world: World) -> None:
    where = address(name, world)
    answer = getattr(Client(), PAGES[name].method)(where)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("name", PAGES)
def test_each_role_sees_what_it_may(name: str, world: World) -> None:
    where, page = address(name, world), PAGES[name]
    seen = {who: getattr(world.client(who), page.method)(where).status_code for who in world.people}
    assert {who for who, status in seen.items() if status in (200, 302)} == page.allowed
    hidden = {404} if page.own else set()
    assert {status for who, status in seen.items() if who not in page.allowed} == {403} | hidden


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.method == "post"])
def test_actions_are_posted(name: str, world: World) -> None:
    where = address(name, world)
    answer = world.client("operator" if PAGES[name].own else "root").get(where)
    assert answer.status_code == 302
    assert where.startswith(answer["Location"])
    assert world.client("root").put(where).status_code == 405


def test_a_wrong_role_keeps_the_navigation(world: World) -> None:
    page = world.client("viewer").get(reverse("replica_request")).content.decode()
    assert "You may not see this page" in page
    assert f'href="{reverse("history")}"' in page


def test_only_own_files_run(world: World) -> None:
    policy = world.client("viewer").get(reverse("dashboard"))["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_the_admin_is_for_staff(world: World) -> None:
    assert world.client("operator").get(reverse("admin:index")).status_code == 302
    assert world.client("root").get(reverse("admin:index")).status_code == 200


def test_support_staff_see_everything_and_change_only_people(world: World) -> None:
    world.people["administrator"].is_staff = True
    world.people["administrator"].save()
    client = world.client("administrator")
    for model in ("replica", "auditevent", "plan", "run", "credential"):
        assert client.get(reverse(f"admin:replicas_{model}_changelist")).status_code == 200
        assert client.get(reverse(f"admin:replicas_{model}_add")).status_code == 403
    where = reverse("admin:replicas_replica_change", args=[world.verified.pk])
    assert client.get(where).status_code == 200
    assert client.post(where, {"hostname": "other.example.com"}).status_code == 403


def test_the_admin_has_no_door_of_its_own(world: World) -> None:
    answer = Client().get("/admin/login/?next=/admin/")
    assert (answer.status_code, answer["Location"]) == (302, f"{reverse('login')}?next=%2Fadmin%2F")
    answer = Client().post("/admin/login/", {"username": "root", "password": w.PASSWORD})
    assert answer["Location"] == reverse("login")
    assert world.client("operator").get("/admin/", follow=True).status_code == 403
    assert "_auth_user_id" not in answer.wsgi_request.session


def test_health_needs_no_sign_in(db: None) -> None:
    assert Client().get("/healthz").content == b"ok\n"

"""Django's admin: administrators manage people, each change in the history; nothing else can be changed there."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from replicas import models
from replicas.choices import Role
from replicas.models import AuditEvent

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def quick(settings: Any, tmp_path: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def people(db: None) -> dict[str, User]:
    made = {name: User.objects.create_user(name, is_staff=True) for name in ("administrator", "approver", "olga")}
    for name in ("administrator", "approver"):
        made[name].groups.add(Group.objects.get(name=name))
    made["root"] = User.objects.create_superuser("root")
    return made


@pytest.fixture
def browser(people: dict[str, User]) -> Client:
    client = Client(REMOTE_ADDR="198.51.100.7")
    client.force_login(people["administrator"])
    return client


def change(browser: Client, user: User, **fields: Any) -> int:
    data = {"username": user.username, "is_active": "on", "date_joined_0": "2026-01-01"} | fields
    return browser.post(reverse("admin:auth_user_change", args=[user.pk]), data).status_code


def test_roles_are_given_and_kept_in_the_history(browser: Client, people: dict[str, User]) -> None:
    olga = people["olga"]
    assert change(browser, olga, groups=[Group.objects.get(name="operator").pk], is_superuser="on") == 302
    olga.refresh_from_db()
    assert [group.name for group in olga.groups.all()] == ["operator"]
    assert not olga.is_superuser
    assert not olga.is_staff
    event = AuditEvent.objects.get(verb__startswith="user:")
    assert (event.actor, event.verb, event.label, event.address) == (
        "administrator", "user:change", "olga", "198.51.100.7"
    )  # fmt: skip
    assert event.before
    assert event.after
    assert (event.before["roles"], event.after["roles"]) == ([], ["operator"])


def test_an_account_is_added(browser: Client, people: dict[str, User]) -> None:
    data = {"username": "new", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert browser.post(reverse("admin:auth_user_add"), data).status_code == 302
    assert AuditEvent.objects.get(verb__startswith="user:").verb == "user:add"


def test_a_new_password_is_in_the_history_without_the_password(browser: Client, people: dict[str, User]) -> None:
    data = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    where = reverse("admin:auth_user_password_change", args=[people["olga"].pk])
    assert browser.post(where, data).status_code == 302
    event = AuditEvent.objects.get(verb__startswith="user:")
    assert event.after
    assert "password" in str(event.after["changed"])
    assert PASSWORD not in str(event.after)


def test_an_administrator_leaves_superusers_alone(browser: Client, people: dict[str, User]) -> None:
    assert change(browser, people["root"]) == 403
    where = reverse("admin:auth_user_password_change", args=[people["root"].pk])
    assert browser.post(where, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 403


def test_nobody_else_sees_people(browser: Client, people: dict[str, User]) -> None:
    for name in ("approver", "olga"):
        browser.force_login(people[name])
        assert browser.get(reverse("admin:auth_user_changelist")).status_code == 403


def test_a_superuser_sees_everything_and_changes_nothing_else(browser: Client, people: dict[str, User]) -> None:
    browser.force_login(people["root"])
    assert browser.get(reverse("admin:auth_user_change", args=[people["olga"].pk])).status_code == 200
    for name in models.__all__:
        if name in ("CredentialName", "KeytabName", "UploadName"):
            continue
        assert browser.get(reverse(f"admin:replicas_{name.lower()}_changelist")).status_code == 200
        assert browser.get(reverse(f"admin:replicas_{name.lower()}_add")).status_code == 403


def test_groups_are_made_for_policies_and_removed_when_none_names_them(
    browser: Client, people: dict[str, User]
) -> None:
    assert browser.post(reverse("admin:auth_group_add"), {"name": "security"}).status_code == 302
    group = Group.objects.get(name="security")
    people["olga"].groups.add(group)
    page = browser.get(reverse("admin:auth_group_change", args=[group.pk])).content.decode()
    assert "olga" in page
    assert 'name="name"' not in page

    realm = models.Realm.objects.create(name="EXAMPLE.COM", domain="example.com", dns=True)
    policy = models.ApprovalPolicy.objects.create(realm=realm, groups=["security"])
    where = reverse("admin:auth_group_delete", args=[group.pk])
    assert browser.post(where, {"post": "yes"}).status_code == 403

    policy.delete()
    assert browser.post(where, {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(name="security").exists()
    added, removed = AuditEvent.objects.filter(verb__startswith="group:").order_by("pk")
    assert (added.actor, added.verb, added.label, added.address) == (
        "administrator", "group:add", "security", "198.51.100.7"
    )  # fmt: skip
    assert (removed.verb, removed.label, removed.before) == ("group:remove", "security", {"people": ["olga"]})


def test_the_roles_stay(browser: Client, people: dict[str, User]) -> None:
    for role in Role:
        group = Group.objects.get(name=role)
        assert browser.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
        assert browser.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "x"}).status_code == 403
    assert set(Group.objects.values_list("name", flat=True)) == set(Role.values)


def test_only_administrators_make_groups(browser: Client, people: dict[str, User]) -> None:
    browser.force_login(people["approver"])
    assert browser.get(reverse("admin:auth_group_changelist")).status_code == 403
    assert browser.post(reverse("admin:auth_group_add"), {"name": "security"}).status_code == 403
    assert not Group.objects.filter(name="security").exists()


def test_lists_leave_large_columns_where_they_are(browser: Client, people: dict[str, User]) -> None:
    browser.force_login(people["root"])
    with CaptureQueriesContext(connection) as asked:
        for name in ("run", "realmlook", "logchunk", "notice"):
            assert browser.get(reverse(f"admin:replicas_{name}_changelist")).status_code == 200
    columns = "".join(query["sql"] for query in asked)
    assert '"replicas_plan"."action"' in columns
    for column in ("plan.job", "plan.steps", "replica.certificates", "realmlook.health", "logchunk.content"):
        assert f'"replicas_{column}"'.replace(".", '"."') not in columns, column

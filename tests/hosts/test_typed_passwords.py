"""Passwords that people type, proved by a real directory and a real KDC before anything is shown or stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from lab import Lab
from replicas.errors import WrongPassword
from replicas.models import AuditEvent, Credential, Draft, Master, PasswordAttempt
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
WRONG = "canary-wrong-password"


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE, settings.STATIC_ROOT = "", tmp_path / "keys", tmp_path


@pytest.fixture
def right(hosts: Lab) -> dict[str, str]:
    return {"directory_manager": hosts.secrets.directory_manager, "admin": hosts.secrets.admin}


@pytest.fixture
def send(portal: Portal, hosts: Lab) -> Callable[..., Any]:
    """Send a form in the browser of a user."""

    def post(who: str, name: str, *key: int, **data: Any) -> Any:
        client = Client()
        client.force_login(User.objects.get(username=who))
        try:
            return client.post(reverse(name, args=key), data)
        finally:
            connections.close_all()

    return post


def asked(hosts: Lab, **passwords: str) -> dict[str, Any]:
    where = {"hostname": NAME, "ssh_address": str(hosts.host(NAME).address), "ssh_port": 22, "ssh_user": "root"}
    return {**where, "master": Master.objects.get().pk, "forward_policy": "first", **passwords}


def test_a_request_shows_its_plan_only_with_the_right_ones(
    portal: Portal, hosts: Lab, right: dict[str, str], send: Callable[..., Any]
) -> None:
    portal.register(store=False)
    for name in right:
        answer = send("operator", "replica_request", **asked(hosts, **right | {name: WRONG}))
        assert answer.status_code == 200
        assert list(answer.context["form"].errors) == [name], answer.context["form"].errors
        assert WRONG not in answer.content.decode()
    assert not Draft.objects.exists()
    assert send("operator", "replica_request", **asked(hosts, **right)).status_code == 302
    assert Draft.objects.get().unproved is None
    assert not PasswordAttempt.objects.exists()
    assert WRONG not in str(list(AuditEvent.objects.values()))


def test_no_guess_reaches_the_realm_after_the_third(
    portal: Portal, hosts: Lab, right: dict[str, str], send: Callable[..., Any]
) -> None:
    portal.register(store=False)
    for _ in range(3):
        answer = send("operator", "replica_request", **asked(hosts, admin=WRONG))
        assert answer.status_code == 200
    assert AuditEvent.objects.filter(verb="credential:fail").count() == 3
    Master.objects.update(ssh_port=2222)  # from here on an attempt could not be proved, and would show a plan
    assert "Further attempts are refused until" in answer.content.decode()
    answer = send("operator", "replica_request", **asked(hosts, admin=right["admin"]))
    assert "Further attempts are refused until" in answer.content.decode()
    assert send("operator", "replica_request", **asked(hosts, directory_manager=WRONG)).status_code == 200


def test_set_passwords_stores_what_the_realm_accepts(
    portal: Portal, hosts: Lab, right: dict[str, str], send: Callable[..., Any]
) -> None:
    master = portal.register(store=False)
    for name in right:
        answer = send("administrator", "master_credentials", master.pk, **right | {name: WRONG})
        assert answer.status_code == 200
        assert not Credential.objects.exists()
    assert send("administrator", "master_credentials", master.pk, **right).status_code == 302
    assert all(row.proved_at for row in Credential.objects.all())
    assert Credential.objects.count() == 2


def test_a_master_out_of_reach_leaves_the_decision_to_the_person(
    portal: Portal, hosts: Lab, right: dict[str, str], send: Callable[..., Any]
) -> None:
    master = portal.register(store=False)
    Master.objects.update(ssh_port=2222)
    hosts.master.block(636)
    answer = send("operator", "replica_request", **asked(hosts, **right))
    assert answer.status_code == 302
    assert set(Draft.objects.get().unproved or ()) == set(right)
    answer = send("administrator", "master_credentials", master.pk, **right)
    assert "Nothing was stored." in answer.content.decode()
    assert not Credential.objects.exists()
    assert send("administrator", "master_credentials", master.pk, unproved="on", **right).status_code == 302
    assert [row.proved_at for row in Credential.objects.all()] == [None, None]


def test_a_registration_proves_both(portal: Portal, hosts: Lab, right: dict[str, str]) -> None:
    with pytest.raises(WrongPassword):
        portal.register(directory_manager=WRONG)
    with pytest.raises(ValidationError) as told:
        portal.register(admin=WRONG)
    assert set(told.value.message_dict) == {"admin"}
    assert not Master.objects.exists()
    portal.register()
    assert all(row.proved_at for row in Credential.objects.all())
    assert AuditEvent.objects.filter(verb="credential:fail").count() == 2

"""Registering a master: what is stored of what it says, and what is refused. Hosts answer in tests/hosts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from replicas.actions import host_keys, register_master
from replicas.actions.register_master import Registration, inspect, register
from replicas.clients import ssh
from replicas.errors import Conflict, StepError
from replicas.lifecycle.base import Capabilities
from replicas.lifecycle.job import JSON
from replicas.models import AuditEvent, Credential, Master, Realm
from tests.replicas.services.conftest import KEY, Cast

OFFERS: dict[str, JSON] = {"domain_level": 1, "roles": {"CA": ["ipaserver.example.com"]}}
SAYS = Capabilities("EXAMPLE.COM", "example.com", "dc=example,dc=com", True, True, "PEM", {"bind9": "9.18"}, OFFERS)
SECRET = "correct-horse"


@pytest.fixture
def given() -> Registration:
    return Registration("ipaserver.example.com", "192.0.2.10", 22, "root", "twin", ssh.fingerprint(KEY), SECRET, SECRET)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> list[Capabilities]:
    """What the next master says of itself."""
    settings.SECRET_KEYS_FILE = tmp_path / "keys"
    answers = [SAYS]

    async def look(endpoint: object, given: Registration) -> Capabilities:
        return answers[-1]

    monkeypatch.setattr(register_master, "_look", look)
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: KEY)
    return answers


def test_everything_is_stored_at_once(cast: Cast, given: Registration, says: Any) -> None:
    master = register(cast.administrator, given)
    assert (master.realm.name, master.ca, master.host_key.key) == ("EXAMPLE.COM", True, KEY)
    assert Master.objects.get().offers == OFFERS
    assert {credential.name for credential in Credential.objects.all()} == {"directory_manager", "admin"}
    assert list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True)) == [
        "hostkey:accept", "master:register", "credential:set", "credential:set"
    ]  # fmt: skip
    assert SECRET not in str(list(AuditEvent.objects.values()))


def test_passwords_that_are_not_stored_are_proved_all_the_same(
    cast: Cast, given: Registration, says: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = register_master._look
    proved: list[str] = []

    async def look(endpoint: Any, registration: Registration) -> Capabilities:
        proved.append(registration.directory_manager)
        return await looked(endpoint, registration)

    monkeypatch.setattr(register_master, "_look", look)
    register(cast.administrator, replace(given, store=False))
    assert proved == [SECRET]
    assert not Credential.objects.exists()


def test_a_registration_does_not_show_its_passwords(given: Registration) -> None:
    assert SECRET not in repr(given)


def test_a_realm_whose_first_name_server_is_registered_later_has_zones_from_then_on(
    cast: Cast, given: Registration, says: list[Capabilities]
) -> None:
    says.append(replace(SAYS, dns=False))
    assert not register(cast.administrator, given).realm.dns
    says.append(SAYS)
    second = register(cast.administrator, replace(given, hostname="dns1.example.com"))
    assert second.realm.dns
    assert Realm.objects.get().dns
    assert "'dns': True" in str(AuditEvent.objects.filter(verb="master:register").latest("pk").after)
    says.append(replace(SAYS, dns=False))
    assert register(cast.administrator, replace(given, hostname="other.example.com")).realm.dns


def test_twice_is_refused(cast: Cast, given: Registration, says: Any) -> None:
    register(cast.administrator, given)
    with pytest.raises(Conflict, match="registered already"):
        register(cast.administrator, given)


def test_another_key_than_the_compared_one(cast: Cast, given: Registration, says: Any) -> None:
    with pytest.raises(Conflict, match="not the one that you compared"):
        register(cast.administrator, replace(given, fingerprint="SHA256:other"))
    assert not Master.objects.exists()


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        ({"ca_certificate": "OTHER"}, "twin", "another authority"),
        ({}, "freeipa", "registered as another kind: twin"),
    ],
)
def test_a_second_master_fits_the_realm(
    cast: Cast, given: Registration, says: Any, change: dict[str, Any], kind: str, why: str
) -> None:
    register(cast.administrator, given)
    says.append(replace(SAYS, **change))
    second = replace(given, hostname="ipaserver2.example.com", ssh_address="192.0.2.12", backend=kind)
    with pytest.raises(Conflict, match=why):
        register(cast.administrator, second)
    assert Master.objects.count() == 1
    assert AuditEvent.objects.count() == 4


@pytest.mark.parametrize("change", [{"realm": "../../ETC"}, {"domain": "Example_com"}, {"ca_certificate": ""}])
def test_what_a_host_says_is_checked(cast: Cast, given: Registration, says: Any, change: dict[str, Any]) -> None:
    says.append(replace(SAYS, **change))
    with pytest.raises(StepError, match="says of itself"):
        register(cast.administrator, given)
    assert not Realm.objects.exists()


WRONG = [
    ({"ssh_address": "127.0.0.1"}, "loopback"),
    ({"ssh_address": "::ffff:192.0.2.10"}, "in the form of IPv6"),
    ({"ssh_address": "fe80::1%eth0"}, "link-local"),
    ({"ssh_user": "svc portal"}, "not an account name"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_an_address_or_account_that_no_host_has(
    cast: Cast, given: Registration, says: Any, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        register(cast.administrator, replace(given, **change))
    if "ssh_address" in change:
        with pytest.raises(ValidationError, match=words):
            inspect(cast.administrator, change["ssh_address"], 22)
    assert not Master.objects.exists()


def test_a_realm_of_one_label_and_an_account_with_a_dot(cast: Cast, given: Registration, says: Any) -> None:
    says.append(replace(SAYS, realm="LAB", domain="lab.example.com", suffix="dc=lab"))
    master = register(cast.administrator, replace(given, ssh_user="svc-portal@branch.ad.example.com"))
    assert (master.realm.name, master.realm.domain) == ("LAB", "lab.example.com")
    assert master.ssh_user == "svc-portal@branch.ad.example.com"

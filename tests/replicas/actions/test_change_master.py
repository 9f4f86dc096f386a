"""Changing where a master is and reading it anew: what is stored, what is refused, and which plans become void."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.exceptions import ValidationError
from pytest_django import Settings

from replicas.actions import change_master
from replicas.actions.authorities import same_authority
from replicas.actions.change_master import Change, Changed, change
from replicas.actions.set_credentials import set_credentials
from replicas.choices import PlanState
from replicas.errors import Conflict, StepError
from replicas.lifecycle.base import Capabilities
from replicas.lifecycle.job import Endpoint
from replicas.models import AuditEvent, Credential, HostKey, Master, Plan
from tests.replicas.services.conftest import KEY, Cast, approve

SAYS = Capabilities("EXAMPLE.COM", "example.com", "dc=example,dc=com", True, True, "PEM", {"bind9": "9.20"}, {"kra": 1})
STORED, OTHER = "correct-horse", "battery-staple"
MOVED = Change("192.0.2.99", 2222, "portal", "moved to another rack")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Endpoint, dict[str, str]]]:
    """Where the master was looked for, and with which passwords."""
    return []


@pytest.fixture
def says(asked: list[Any], monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> list[Capabilities]:
    """What the master says of itself at the next look."""
    settings.SECRET_KEYS_FILE = tmp_path / "keys"
    answers = [SAYS]

    async def read(endpoint: Endpoint, kind: str, passwords: dict[str, str]) -> Capabilities:
        asked.append((endpoint, passwords))
        return answers[-1]

    monkeypatch.setattr(change_master, "read", read)
    return answers


@pytest.fixture
def stored(cast: Cast, master: Master, says: Any) -> Master:
    """The master of a realm whose passwords the portal has."""
    set_credentials(cast.administrator, master.realm, {"directory_manager": STORED, "admin": STORED})
    return master


def test_the_place_and_what_was_read_are_stored_with_what_they_were(cast: Cast, stored: Master, asked: Any) -> None:
    assert change(cast.administrator, stored, MOVED) == Changed(
        ("ssh_address", "ssh_port", "ssh_user", "versions", "offers"), 0
    )
    assert asked == [
        (Endpoint(stored.hostname, "192.0.2.99", KEY, 2222, "portal"), {"directory_manager": STORED}),
    ]
    now = Master.objects.get()
    assert (now.ssh_address, now.ssh_port, now.ssh_user) == ("192.0.2.99", 2222, "portal")
    assert (now.versions, now.offers, now.host_key.key) == ({"bind9": "9.20"}, {"kra": 1}, KEY)
    event = AuditEvent.objects.get(verb="master:change")
    assert (event.actor, event.reason) == ("administrator", "moved to another rack")
    before = {"ssh_address": "192.0.2.10", "ssh_port": 22, "ssh_user": "root", "versions": {}, "offers": None}
    after = {"ssh_address": "192.0.2.99", "ssh_port": 2222, "ssh_user": "portal"}
    assert (event.before, event.after) == (before, after | {"versions": {"bind9": "9.20"}, "offers": {"kra": 1}})
    used = AuditEvent.objects.get(verb="credential:use")
    assert (used.actor, used.reason) == ("administrator", "A master of EXAMPLE.COM is read anew")


def test_what_is_there_by_now_is_read_without_another_place(cast: Cast, stored: Master) -> None:
    Master.objects.update(ca=False)
    stored.realm.dns = False
    stored.realm.save()
    stored.refresh_from_db()
    here = Change(stored.ssh_address, stored.ssh_port, stored.ssh_user, "it has an authority by now")
    assert change(cast.administrator, stored, here).names == ("ca", "versions", "offers", "dns")
    now = Master.objects.get()
    assert (now.ca, now.realm.dns) == (True, True)
    assert change(cast.administrator, now, here) == Changed((), 0)
    assert AuditEvent.objects.filter(verb="master:change").count() == 2


def test_a_password_that_is_given_once_is_used_and_not_stored(cast: Cast, stored: Master, asked: Any) -> None:
    Credential.objects.all().delete()
    with pytest.raises(Conflict, match="is not stored"):
        change(cast.administrator, stored, MOVED)
    assert asked == []
    change(cast.administrator, stored, replace(MOVED, directory_manager=OTHER))
    assert asked[0][1] == {"directory_manager": OTHER}
    assert not Credential.objects.exists()
    assert OTHER not in str(list(AuditEvent.objects.values())) + repr(replace(MOVED, admin=OTHER))


def test_plans_that_would_be_other_ones_become_void(cast: Cast, stored: Master, plan: Plan) -> None:
    here = replace(MOVED, ssh_address=stored.ssh_address, ssh_port=stored.ssh_port, ssh_user=stored.ssh_user)
    assert change(cast.administrator, stored, here).voided == 0
    assert Plan.objects.get().state == PlanState.WAITING
    assert change(cast.administrator, stored, MOVED).voided == 1
    assert Plan.objects.get().state == PlanState.VOID
    event = AuditEvent.objects.get(verb="plan:void")
    assert event.reason == "ipaserver.example.com has another address or host key."


def test_an_approved_plan_that_has_not_begun_becomes_void(cast: Cast, stored: Master, plan: Plan) -> None:
    approve(cast.approver, plan, plan.digest, "wanted")
    assert change(cast.administrator, stored, MOVED).voided == 1
    assert Plan.objects.get().state == PlanState.VOID


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        ({"realm": "OTHER.COM"}, Conflict, "192.0.2.99 belongs to the realm OTHER.COM"),
        ({"ca_certificate": "OTHER"}, Conflict, "another authority"),
        ({"versions": None}, StepError, "says of itself what cannot be"),
    ],
)
def test_a_server_of_another_realm_is_refused(
    cast: Cast, stored: Master, says: list[Capabilities], answer: dict[str, Any], error: type[Exception], why: str
) -> None:
    says.append(replace(SAYS, **answer))
    with pytest.raises(error, match=why):
        change(cast.administrator, stored, MOVED)
    assert Master.objects.get().ssh_address == "192.0.2.10"
    assert not AuditEvent.objects.filter(verb="master:change").exists()


def test_a_reason_is_needed(cast: Cast, stored: Master, asked: Any) -> None:
    with pytest.raises(ValidationError, match="Say why"):
        change(cast.administrator, stored, replace(MOVED, reason=" "))
    assert asked == []


def test_whoever_comes_second_is_told(cast: Cast, stored: Master) -> None:
    Master.objects.update(ssh_address="192.0.2.55")
    with pytest.raises(Conflict, match="has changed in the meantime"):
        change(cast.administrator, stored, MOVED)
    assert Master.objects.get().ssh_address == "192.0.2.55"


def test_that_one_master_has_no_name_service_says_nothing_of_the_realm(
    cast: Cast, stored: Master, says: list[Capabilities]
) -> None:
    says.append(replace(SAYS, dns=False))
    key = HostKey.objects.create(hostname="second.example.com", key=KEY, fingerprint="SHA256:y", accepted_by="x")
    second = Master.objects.create(
        realm=stored.realm, hostname=key.hostname, ssh_address="192.0.2.12", host_key=key, ca=False
    )
    change(cast.administrator, second, MOVED)
    assert Master.objects.get(pk=stored.pk).realm.dns
    second.delete()
    change(cast.administrator, stored, MOVED)
    assert not Master.objects.get().realm.dns


def test_a_renewed_authority_is_the_same_one() -> None:
    key, other = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    first, renewed, another = certificate(key), certificate(key), certificate(other)
    assert first != renewed
    assert same_authority(first, renewed)
    assert same_authority(first, another + renewed)
    assert same_authority("PEM\n", "PEM")
    assert not same_authority(first, another)
    assert not same_authority("PEM", "OTHER")


def certificate(key: EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Certificate Authority")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "224.0.0.5", "fe80::1%eth0", "::ffff:192.0.2.9"])  # noqa: S104
def test_an_address_that_no_host_has_is_refused(cast: Cast, stored: Master, asked: Any, address: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(address)):
        change(cast.administrator, stored, replace(MOVED, ssh_address=address))
    assert asked == []

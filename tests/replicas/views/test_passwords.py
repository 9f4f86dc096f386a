"""Passwords on pages: taken for one run, asked for again by a retry, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse
from pytest_django import Settings

from replicas import keyring
from replicas.actions import host_keys
from replicas.actions.set_credentials import set_credentials
from replicas.clients import ssh
from replicas.models import Credential, PlanCredential
from replicas.permissions import Actor
from tests.replicas.services.conftest import KEY
from tests.replicas.views.conftest import World
from tests.replicas.views.test_replicas import ASKED, act

OWN = {"directory_manager": "canary-manager", "admin": "canary-admin-1"}
NEEDED = "Needed now: it is not stored"


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: KEY)


def kept() -> dict[str, str]:
    return {row.name: keyring.unseal(row) for row in PlanCredential.objects.select_related("plan")}


def test_a_request_brings_its_own(world: World) -> None:
    client = world.client("operator")
    Credential.objects.all().delete()
    draft = client.post(reverse("replica_request"), ASKED | OWN | {"master": world.master.pk})["Location"]
    assert not any(secret in client.get(draft).content.decode() for secret in OWN.values())
    assert submitted(world, draft) == 302
    assert kept() == OWN


def test_a_form_that_comes_back_does_not_hold_them(world: World) -> None:
    asked = ASKED | OWN | {"master": world.master.pk, "hostname": "Not_A_Name"}
    page = world.client("operator").post(reverse("replica_request"), asked).content.decode()
    assert 'name="directory_manager"' in page
    assert not any(secret in page for secret in OWN.values())


def submitted(world: World, draft: str) -> int:
    sent = {"despite": "no worker runs in this test", "fingerprint": ssh.fingerprint(KEY)}
    return world.client("operator").post(f"{draft}submit/", sent).status_code


TAKING = ("retry", "undo")


def test_a_retry_asks_for_what_is_not_stored(world: World) -> None:
    Credential.objects.all().delete()
    replica = world.failed.plan.replica
    where = reverse("replica", args=[replica.pk])
    assert world.client("operator").get(where).content.decode().count(NEEDED) == 2 * len(TAKING)
    set_credentials(Actor(world.people["administrator"]), world.master.realm, {"admin": "stored-admin"})
    assert world.client("operator").get(where).content.decode().count(NEEDED) == len(TAKING)
    assert act(world, "operator", replica, "retry", reason="", **OWN) == 302
    assert kept() == OWN


def test_missing_records_and_dns_take_them_too(world: World) -> None:
    answer = world.client("operator").post(reverse("replica_act", args=[world.verified.pk, "records"]), OWN)
    assert kept() == {}
    assert submitted(world, answer["Location"]) == 302
    assert kept() == OWN


def test_the_admin_shows_neither_key_nor_ciphertext(world: World) -> None:
    act(world, "operator", world.failed.plan.replica, "retry", reason="", **OWN)
    for row in (*PlanCredential.objects.all(), *Credential.objects.all()):
        where = reverse(f"admin:replicas_{row._meta.model_name}_change", args=[row.pk])
        shown = world.client("root").get(where).context["adminform"]
        names = {name for fieldset in shown for line in fieldset for field in line for name in [field.field["name"]]}
        assert "set_by" in names
        assert not names & {"data_key", "ciphertext"}


@pytest.mark.parametrize("debug", [True, False])
def test_a_defect_does_not_show_them(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings, debug: bool
) -> None:
    """On Django's page for developers, neither as what was sent nor as the value of a variable."""

    def defect(*args: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("replicas.views.requests.show_first", defect)
    settings.DEBUG = debug
    client = world.client("operator")
    client.raise_request_exception = False
    answer = client.post(reverse("replica_request"), ASKED | OWN | {"master": world.master.pk})
    page = answer.content.decode()
    assert answer.status_code == 500
    assert ("RuntimeError" in page) is debug
    assert ("directory_manager" in page) is debug
    assert not any(secret in page for secret in OWN.values())

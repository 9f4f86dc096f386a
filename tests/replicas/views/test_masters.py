"""Registering a master in two steps, its passwords, and its host key."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from replicas import keyring
from replicas.actions import change_master, host_keys
from replicas.actions.set_credentials import set_credentials
from replicas.clients import ssh
from replicas.errors import HostKeyChanged, PortalError
from replicas.forms.masters import CredentialsForm, MasterRegisterForm
from replicas.lifecycle.base import Capabilities
from replicas.lifecycle.job import Endpoint
from replicas.models import AuditEvent, Credential, Master, Realm
from replicas.permissions import Actor
from tests.replicas.keytabs import entry, keytab
from tests.replicas.views.conftest import World

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIXZ3rFAEyDZBhTfFhY1tDYyTEM0B6sWSTm3tNRs4VBh"
GIVEN = {
    "hostname": "second.example.com", "ssh_address": "192.0.2.11", "ssh_port": "22", "ssh_user": "root",
    "backend": "native",
}  # fmt: skip


@pytest.fixture
def presented(monkeypatch: pytest.MonkeyPatch, unreachable: None) -> str:
    """Every host presents this key; gives its fingerprint."""
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: KEY)
    return ssh.fingerprint(KEY)


def test_the_first_step_shows_the_fingerprint(world: World, presented: str) -> None:
    answer = world.client("administrator").post(reverse("master_register"), GIVEN | {"step": "inspect"})
    page = answer.content.decode()
    assert presented in page
    assert "Step 2 of 2" in page
    assert 'name="step" value="register"' in page


def test_an_unreachable_host_stays_in_the_first_step(world: World) -> None:
    answer = world.client("administrator").post(reverse("master_register"), GIVEN | {"step": "inspect"})
    page = answer.content.decode()
    assert "192.0.2.11 does not answer on port 22." in page
    assert "Step 1 of 2" in page


def test_the_second_step_needs_the_comparison(world: World, presented: str) -> None:
    given: dict[str, Any] = GIVEN | {"step": "register", "fingerprint": presented, "admin": "x" * 12}
    answer = world.client("administrator").post(reverse("master_register"), given)
    page = answer.content.decode()
    assert presented in page
    assert set(answer.context["form"].errors) == {"compared", "directory_manager"}
    assert "x" * 12 not in page


@pytest.mark.parametrize(("typed", "refused"), [({}, True), ({"admin": "x" * 12}, False), ({"forget": "on"}, False)])
def test_the_admin_password_is_wanted_to_be_stored(presented: str, typed: dict[str, str], refused: bool) -> None:
    given = GIVEN | {"fingerprint": presented, "compared": "on", "directory_manager": "y" * 12}
    form = MasterRegisterForm(given | typed)
    assert form.is_valid() is not refused
    assert set(form.errors) == ({"admin"} if refused else set())
    assert form.cleaned_data["store"] is ("forget" not in typed)


def test_a_new_host_key_is_compared_and_accepted(world: World, presented: str) -> None:
    where = reverse("master_host_key", args=[world.master.pk])
    client = world.client("administrator")
    assert presented in client.get(where).content.decode()
    assert client.post(where, {"fingerprint": presented, "reason": "Reinstalled"}).status_code == 302
    world.master.host_key.refresh_from_db()
    assert world.master.host_key.fingerprint == presented
    assert "There is nothing to accept." in client.get(where).content.decode()


def test_an_empty_form_of_passwords_is_refused(world: World) -> None:
    answer = world.client("administrator").post(reverse("master_credentials", args=[world.master.pk]))
    assert answer.context["acts"][0].form.errors


@pytest.mark.parametrize("who", ["viewer", "operator", "approver", "both"])
@pytest.mark.parametrize("where", ["master_host_key", "replica_host_key"])
def test_nobody_else_accepts_a_host_key(world: World, presented: str, who: str, where: str) -> None:
    row = world.master if where == "master_host_key" else world.verified
    before = row.host_key.fingerprint
    sent = {"fingerprint": presented, "reason": "Reinstalled"}
    assert world.client(who).post(reverse(where, args=[row.pk]), sent).status_code == 403
    row.host_key.refresh_from_db()
    assert row.host_key.fingerprint == before != presented


def test_a_host_key_is_not_accepted_without_a_reason(world: World, presented: str) -> None:
    where = reverse("master_host_key", args=[world.master.pk])
    answer = world.client("administrator").post(where, {"fingerprint": presented, "reason": "  "})
    assert answer.context["form"].errors
    world.master.host_key.refresh_from_db()
    assert world.master.host_key.fingerprint != presented


def test_a_realm_that_needs_no_directory_manager_password_is_not_asked_for_it(world: World, presented: str) -> None:
    given = GIVEN | {"backend": "freeipa", "fingerprint": presented, "compared": "on"}
    assert set(MasterRegisterForm(given).errors) == {"admin"}
    form = MasterRegisterForm(given | {"admin": "x" * 12})
    assert form.is_valid(), form.errors
    assert "directory_manager" not in form.fields
    world.master.realm.backend = "freeipa"
    world.master.realm.save()
    answer = world.client("administrator").get(reverse("master", args=[world.master.pk]))
    assert [str(label) for label, _ in answer.context["credentials"]] == ["Kerberos password of admin"]
    assert set(answer.context["acts"][0].form.fields) == {"admin", "keytab", "remove_keytab", "unproved"}


def set_passwords(world: World, **sent: Any) -> Any:
    return world.client("administrator").post(reverse("master_credentials", args=[world.master.pk]), sent)


def test_a_keytab_is_stored_for_a_realm_that_takes_one_and_removed_again(world: World) -> None:
    Realm.objects.update(backend="freeipa")
    realm = world.master.realm
    content = keytab(entry("portal", realm=realm.name, key=b"never-shown-to-anybody-who-asks!"))
    page = reverse("master", args=[world.master.pk])
    assert "signs in with the password of admin" in world.client("administrator").get(page).content.decode()
    assert set_passwords(world, keytab=SimpleUploadedFile("portal.keytab", content), unproved="on").status_code == 302
    row = Credential.objects.get(realm=realm, name="keytab")
    assert base64.b64decode(keyring.unseal(row)) == content
    event = AuditEvent.objects.filter(verb="credential:set").latest("pk")
    assert (event.actor, event.label) == ("administrator", f"Kerberos keytab of {realm}")
    shown = world.client("administrator").get(page).content.decode()
    assert "stored encrypted by administrator" in shown
    assert "never-shown" not in shown
    assert set_passwords(world, remove_keytab="on").status_code == 302
    assert not Credential.objects.filter(realm=realm, name="keytab").exists()
    assert AuditEvent.objects.filter(verb="credential:wipe").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"-----BEGIN CERTIFICATE-----", "This is not a Kerberos keytab"),
        (keytab(entry("portal"))[:-40], "or a damaged one"),
        (keytab(entry("portal", realm="OTHER.COM")), "no key of the realm EXAMPLE.COM, but of portal@OTHER.COM"),
    ],
)
def test_a_file_that_is_no_keytab_of_the_realm_is_refused(world: World, content: bytes, why: str) -> None:
    Realm.objects.update(backend="freeipa")
    answer = set_passwords(world, keytab=SimpleUploadedFile("portal.keytab", content))
    assert why in answer.content.decode()
    assert not Credential.objects.filter(name="keytab").exists()


def test_a_realm_that_takes_no_keytab_is_not_asked_for_one(world: World) -> None:
    assert "keytab" not in CredentialsForm(kind="native").fields
    encoded = base64.b64encode(keytab(entry("portal"))).decode()
    with pytest.raises(PortalError, match="does not take a keytab"):
        set_credentials(Actor(world.people["administrator"]), world.master.realm, {"keytab": encoded})


def test_a_keytab_is_not_replaced_and_removed_at_once(world: World) -> None:
    file = SimpleUploadedFile("portal.keytab", keytab(entry("portal")))
    assert "remove_keytab" in CredentialsForm({"remove_keytab": "on"}, {"keytab": file}, kind="freeipa").errors


MOVED = {"ssh_address": "192.0.2.99", "ssh_port": "22", "ssh_user": "root", "directory_manager": "x" * 12}


@pytest.fixture
def change_says(monkeypatch: pytest.MonkeyPatch) -> list[Capabilities | PortalError]:
    """What comes of reading a master anew."""
    says: list[Capabilities | PortalError] = [
        Capabilities("EXAMPLE.COM", "example.com", "dc=example,dc=com", True, True, "-----BEGIN", {"bind9": "9.20"})
    ]

    async def read(endpoint: Endpoint, kind: str, passwords: dict[str, str]) -> Capabilities:
        if isinstance(says[-1], PortalError):
            raise says[-1]
        return says[-1]

    monkeypatch.setattr(change_master, "read", read)
    return says


def change(world: World, query: str = "", **sent: str) -> Any:
    where = reverse("master_change", args=[world.master.pk]) + query
    return world.client("administrator").post(where, MOVED | {"reason": "Moved"} | sent, follow=True)


def test_a_master_is_changed_and_void_plans_are_told(world: World, change_says: Any) -> None:
    shown = world.client("administrator").get(reverse("master", args=[world.master.pk])).content.decode()
    assert reverse("master_change", args=[world.master.pk]) in shown
    page = change(world).content.decode()
    assert "Stored, with everything that was read from it. 1 plan would now be another one, and is void." in page
    assert "root@192.0.2.99:22" in page
    assert "9.20" in page
    assert "Read again. Nothing is different." in change(world).content.decode()


def test_a_change_without_a_reason_comes_back(world: World, change_says: Any) -> None:
    answer = change(world, reason=" ")
    assert set(answer.context["form"].errors) == {"reason"}
    assert "x" * 12 not in answer.content.decode()
    assert Master.objects.get(pk=world.master.pk).ssh_address == "192.0.2.10"


def test_the_change_asks_for_the_one_password_that_is_proved(world: World) -> None:
    where = reverse("master_change", args=[world.master.pk])
    form = world.client("administrator").get(where).context["form"]
    assert list(form.fields) == ["ssh_address", "ssh_port", "ssh_user", "directory_manager", "reason"]
    assert "stored one is used" in form.fields["directory_manager"].help_text
    Realm.objects.update(backend="freeipa")
    Credential.objects.all().delete()
    form = world.client("administrator").get(where).context["form"]
    assert list(form.fields) == ["ssh_address", "ssh_port", "ssh_user", "admin", "reason"]
    assert "it is not stored" in form.fields["admin"].help_text


def test_another_host_key_at_the_new_place_is_compared_and_accepted_there(
    world: World, change_says: list[Capabilities | PortalError], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[tuple[str, int]] = []

    def fetch(address: str, port: int) -> str:
        fetched.append((address, port))
        return KEY

    monkeypatch.setattr(host_keys, "fetch", fetch)
    change_says.append(HostKeyChanged("The SSH host key of ipaserver.example.com is not the pinned one."))
    page = change(world).content.decode()
    assert "is not the pinned one" in page
    where = f"{reverse('master_host_key', args=[world.master.pk])}?address=192.0.2.99&port=22"
    assert where.replace("&", "&amp;") in page
    client = world.client("administrator")
    assert "192.0.2.99, 22" in client.get(where).content.decode()
    answer = client.post(where, {"fingerprint": ssh.fingerprint(KEY), "reason": "Reinstalled"})
    assert set(fetched) == {("192.0.2.99", 22)}
    world.master.host_key.refresh_from_db()
    assert world.master.host_key.key == KEY
    assert answer["Location"] == f"{reverse('master_change', args=[world.master.pk])}?address=192.0.2.99&port=22"
    assert 'value="192.0.2.99"' in client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("query", ["?address=nowhere&port=22", "?address=192.0.2.99", "?address=192.0.2.99&port=0"])
def test_a_place_that_is_none_is_left_out(world: World, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(address: str, port: int) -> str:
        fetched.append(address)
        return KEY

    monkeypatch.setattr(host_keys, "fetch", fetch)
    world.client("administrator").get(reverse("master_host_key", args=[world.master.pk]) + query)
    assert fetched == ["192.0.2.10"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_of_another_site_does_not_choose_where_the_portal_connects(
    world: World, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    def fetch(address: str, port: int) -> str:
        fetched.append(address)
        return KEY

    monkeypatch.setattr(host_keys, "fetch", fetch)
    where = f"{reverse('master_host_key', args=[world.master.pk])}?address=192.0.2.99&port=22"
    answer = world.client("administrator").get(where, headers={"Sec-Fetch-Site": site})
    assert answer["Location"] == reverse("master", args=[world.master.pk])
    world.client("administrator").get(where, headers={"Sec-Fetch-Site": "same-origin"})
    assert fetched == ["192.0.2.99"]

"""Passwords that people type are proved with the realm before a plan is shown, and guesses are limited."""

from __future__ import annotations

import html
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from replicas.actions import host_keys, prove_passwords
from replicas.actions.password_attempts import MOST_WRONG_OF_A_USER, TooManyAttempts, tried
from replicas.choices import ReplicaState
from replicas.clients import ssh
from replicas.errors import HostUnreachable, WrongPassword
from replicas.lifecycle.job import Job
from replicas.lifecycle.wrong_passwords import MOST_WRONG
from replicas.models import AuditEvent, Credential, Draft, PasswordAttempt, Plan, PlanCredential, RealmLook
from replicas.permissions import Actor
from tests.replicas.identity import host_key
from tests.replicas.services.conftest import KEY
from tests.replicas.views.conftest import World, make
from tests.replicas.views.conftest import request as requested
from tests.replicas.views.test_realm_records import missing
from tests.replicas.views.test_replicas import ASKED

RIGHT = {"directory_manager": "right-manager", "admin": "right-admin-1"}
SECOND = "192.0.2.31"
"""The address of the second host of a table, which has a key of its own."""
WRONG = "canary-wrong-password"
REFUSED = "Further attempts are refused until"


class Realm:
    """What the servers of the realm say; a server that is away says nothing."""

    def __init__(self) -> None:
        self.tries: list[tuple[str, str, str]] = []
        self.away = False

    def ask(self, job: Job, name: str, secret: str) -> None:
        if self.away:
            raise HostUnreachable(f"{job.master.hostname} does not answer on port 22.", "See whether it is up.")
        self.tries.append((job.realm.name, name, secret))
        if secret not in (*RIGHT.values(), "right-keytab"):
            raise WrongPassword(f"{job.master.hostname} does not accept the password.", "Enter the password again.")


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: host_key(address) if address == SECOND else KEY)


@pytest.fixture
def realm(monkeypatch: pytest.MonkeyPatch, unreachable: None) -> Realm:
    made = Realm()
    monkeypatch.setattr(prove_passwords, "_ask", made.ask)
    return made


def request(world: World, who: str = "operator", **given: str) -> Any:
    asked = ASKED | {"master": world.master.pk} | given
    return world.client(who).post(reverse("replica_request"), asked)


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def test_right_ones_lead_to_the_plan_and_are_marked_as_proved(world: World, realm: Realm) -> None:
    where = request(world, **RIGHT)["Location"]
    assert realm.tries == [("EXAMPLE.COM", name, secret) for name, secret in RIGHT.items()]
    assert Draft.objects.get().unproved is None
    Draft.objects.update(checked_at=timezone.now(), findings=[])
    world.client("operator").post(f"{where}submit/", {"fingerprint": ssh.fingerprint(KEY)})
    assert all(row.proved_at for row in PlanCredential.objects.all())
    plan = Plan.objects.latest("pk")
    shown = text(world.client("approver").get(reverse("plan", args=[plan.pk])))
    assert shown.count("accepted by the realm") == 2
    assert len(realm.tries) == 2


@pytest.mark.parametrize("name", RIGHT)
def test_a_wrong_one_is_told_beside_its_field_and_nothing_is_shown_or_stored(
    world: World, realm: Realm, name: str
) -> None:
    answer = request(world, **RIGHT | {name: WRONG})
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [name]
    assert "does not accept the password" in text(answer)
    assert ASKED["hostname"] in text(answer)
    assert not Draft.objects.exists()
    event = AuditEvent.objects.get(verb="credential:fail")
    assert (event.actor, event.label) == ("operator", f"{name} of EXAMPLE.COM")
    assert WRONG not in str(list(AuditEvent.objects.values()))
    assert WRONG not in text(answer)


def test_the_third_failure_says_until_when_and_the_right_one_is_not_tried_then(world: World, realm: Realm) -> None:
    answers = [text(request(world, admin=WRONG)) for _ in range(MOST_WRONG)]
    assert [REFUSED in answer for answer in answers] == [False, False, True]
    tries = len(realm.tries)
    for who in ("operator", "both"):
        assert REFUSED in text(request(world, who, admin=RIGHT["admin"]))
    assert len(realm.tries) == tries
    assert AuditEvent.objects.filter(verb="credential:refuse").count() == 2
    request(world, admin=WRONG)
    assert AuditEvent.objects.filter(verb="credential:refuse").count() == 2
    assert request(world, directory_manager=RIGHT["directory_manager"]).status_code == 302
    later = timezone.now() - timedelta(minutes=15, seconds=1)
    PasswordAttempt.objects.update(at=later)
    assert request(world, admin=RIGHT["admin"]).status_code == 302


def test_a_right_one_resets_the_count(world: World, realm: Realm) -> None:
    for _ in range(2):
        for _ in range(MOST_WRONG - 1):
            request(world, admin=WRONG)
        assert request(world, admin=RIGHT["admin"]).status_code == 302
    assert not PasswordAttempt.objects.exists()


def test_a_user_is_limited_over_all_realms(world: World, realm: Realm) -> None:
    actor = Actor(world.people["operator"])

    def wrong() -> None:
        raise WrongPassword("No.", "Enter it again.")

    for number in range(MOST_WRONG_OF_A_USER):
        with pytest.raises(WrongPassword):
            tried(actor, f"REALM{number}.EXAMPLE", "admin", wrong)
    with pytest.raises(TooManyAttempts):
        tried(actor, "ANOTHER.EXAMPLE", "admin", wrong)
    tried(Actor(world.people["both"]), "ANOTHER.EXAMPLE", "admin", lambda: None)


def test_a_realm_that_is_away_leaves_the_decision_to_the_person(world: World, realm: Realm) -> None:
    realm.away = True
    where = request(world, **RIGHT)["Location"]
    shown = text(world.client("operator").get(where))
    assert "Directory Manager password: could not be proved. ipaserver.example.com does not answer on port 22." in shown
    assert "Submit the request only if you are sure of them." in shown
    assert not PasswordAttempt.objects.exists()
    Draft.objects.update(checked_at=timezone.now(), findings=[])
    world.client("operator").post(f"{where}submit/", {"fingerprint": ssh.fingerprint(KEY)})
    assert [row.proved_at for row in PlanCredential.objects.all()] == [None, None]
    shown = text(world.client("approver").get(reverse("plan", args=[Plan.objects.latest("pk").pk])))
    assert shown.count("not proved: the realm was not asked") == 2


def removal(world: World, **given: str) -> Any:
    where = reverse("replica_act", args=[world.verified.pk, "remove"])
    return world.client("operator").post(where, {"reason": "moved"} | given)


def retry(world: World, **given: str) -> Any:
    return world.client("operator").post(reverse("replica_act", args=[world.failed.plan.replica_id, "retry"]), given)


def table(world: World, **given: str) -> Any:
    hosts = {"one": "192.0.2.30", "two": SECOND}
    rows = "\n".join(f"{name}.example.com,ipaserver.example.com,{address}" for name, address in hosts.items())
    content = f"hostname,master,ssh_address\n{rows}"
    return world.client("operator").post(reverse("replica_bulk"), {"content": content} | given)


def stored(world: World, **given: str) -> Any:
    return world.client("administrator").post(reverse("master_credentials", args=[world.master.pk]), given)


WAYS: dict[str, Callable[..., Any]] = {"removal": removal, "retry": retry, "table": table, "stored": stored}


@pytest.mark.parametrize("way", WAYS)
def test_every_form_that_takes_passwords_proves_them(world: World, realm: Realm, way: str) -> None:
    answer = WAYS[way](world, admin=WRONG)
    assert answer.status_code == 200
    assert "does not accept the password" in text(answer)
    assert AuditEvent.objects.filter(verb="credential:fail").count() == 1
    assert not Draft.objects.exists()
    assert not PlanCredential.objects.exists()
    assert WAYS[way](world, admin=RIGHT["admin"]).status_code == 302
    assert len(realm.tries) == 2  # a table has one for all of its rows


@pytest.mark.parametrize("way", WAYS)
def test_no_form_gets_past_the_limit(world: World, realm: Realm, way: str) -> None:
    for _ in range(MOST_WRONG):
        request(world, admin=WRONG)
    tries = len(realm.tries)
    answer = WAYS[way](world, admin=RIGHT["admin"])
    assert REFUSED in text(answer)
    assert len(realm.tries) == tries


def test_missing_records_of_several_replicas_prove_them_too(world: World, realm: Realm) -> None:
    dns = [missing(host) for host in ("verified.example.com", "second.example.com")]
    RealmLook.objects.create(realm=world.master.realm, at=timezone.now(), dns=dns)
    requested(world.master, world.people, "second", ReplicaState.VERIFIED)
    where = reverse("realm_records", args=[world.master.realm_id])
    answer = world.client("operator").post(where, {"directory_manager": WRONG}, follow=True)
    assert "does not accept the password" in text(answer)
    assert not Draft.objects.exists()


def test_a_retry_says_what_could_not_be_proved(world: World, realm: Realm) -> None:
    realm.away = True
    answer = world.client("operator").post(
        reverse("replica_act", args=[world.failed.plan.replica_id, "retry"]), RIGHT, follow=True
    )
    assert "Kerberos password of admin: could not be proved." in text(answer)
    assert 'data-message="stays"' in answer.content.decode(), "when the page updates itself"
    assert PlanCredential.objects.get(name="admin").proved_at is None


def test_stored_ones_are_replaced_by_proved_ones_only(world: World, realm: Realm) -> None:
    assert stored(world, **RIGHT).status_code == 302
    shown = text(world.client("viewer").get(reverse("master", args=[world.master.pk])))
    assert shown.count("accepted by the realm") == 2
    realm.away = True
    answer = stored(world, admin="another-admin")
    assert "Nothing was stored. Kerberos password of admin: could not be proved." in text(answer)
    assert Credential.objects.get(name="admin").proved_at
    answer = stored(world, admin="another-admin", unproved="on")
    assert answer.status_code == 302
    shown = text(world.client("viewer").get(reverse("master", args=[world.master.pk])))
    assert "not proved: the realm was not asked" in shown
    events = AuditEvent.objects.filter(verb="credential:set").order_by("pk").values_list("after__proved", flat=True)
    assert list(events) == [True, True, False]


@pytest.mark.django_db(transaction=True)
def test_attempts_at_once_do_not_exceed_the_limit(realm: Realm) -> None:
    world = make()
    where = reverse("replica_request")
    asked = ASKED | {"master": world.master.pk, "admin": WRONG}

    def guess(number: int) -> None:
        client = Client()
        client.force_login(world.people["operator"])
        client.post(where, asked | {"hostname": f"host{number}.example.com"})
        connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(guess, range(8)))
    assert len(realm.tries) == MOST_WRONG
    assert PasswordAttempt.objects.filter(wrong=True).count() == MOST_WRONG


def test_a_worker_that_died_in_the_middle_of_a_try_counts(world: World, realm: Realm) -> None:
    for _ in range(MOST_WRONG):
        PasswordAttempt.objects.create(
            realm="EXAMPLE.COM", account="admin", user="operator", at=timezone.now() - timedelta(minutes=5)
        )
    assert REFUSED in text(request(world, admin=RIGHT["admin"]))


def test_attempts_under_way_are_not_called_wrong(world: World, realm: Realm) -> None:
    for user in ("both", "root", "administrator"):
        PasswordAttempt.objects.create(realm="EXAMPLE.COM", account="admin", user=user, at=timezone.now())
    shown = text(request(world, admin=RIGHT["admin"]))
    assert "are under way, and the realm has not answered yet." in shown
    assert "wrong" not in shown
    assert not AuditEvent.objects.filter(verb="credential:refuse").exists()
    assert realm.tries == []

"""The outbox: real mail and web servers get what waits, once, and later when they could not."""

from __future__ import annotations

from datetime import timedelta
from email.header import decode_header, make_header
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier

from replicas import outbox
from replicas.choices import DeliveryState
from replicas.clients.webhook import new_secret
from replicas.lifecycle.sweeper import sweep
from replicas.models import AuditEvent, Delivery, EmailChoice, Plan, Run, Webhook
from tests.replicas.receivers import Mailbox, mail, web
from tests.replicas.services.conftest import Cast, approve
from tests.replicas.views.world import webhook

BODY = {"type": "plan.waiting", "data": {"replica": "ipareplica.example.com"}}


def later(seconds: float) -> None:
    """As if so much time had passed."""
    Delivery.objects.update(due_at=F("due_at") - timedelta(seconds=seconds))


def only() -> Delivery:
    return Delivery.objects.get()


@pytest.fixture
def mailed(settings: Settings, cast: Cast, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A decision that goes to the requester by e-mail, and the server that takes it."""
    monkeypatch.setattr("replicas.actions.approve.execute", lambda run_id: None)
    User.objects.filter(username="operator").update(email="olga@example.com")
    with mail() as box:
        settings.EMAIL_URL_GIVEN = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.PUBLIC_URL = "https://portal.example.com"
        run = approve(cast.approver, plan, plan.digest, "needed in Ülm")
        yield box, run


def test_an_email_arrives_once(mailed: tuple[Mailbox, Run]) -> None:
    box, _ = mailed
    assert outbox.deliver() == 1
    assert outbox.deliver() == 0
    (message,) = box.got
    assert message["to"] == "olga@example.com"
    assert message["subject"] == "Approved: Install replica: ipareplica.example.com"
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    text = payload.decode()
    assert "needed in Ülm" in text
    assert f"https://portal.example.com/plans/{Plan.objects.get().pk}/" in text
    assert (only().state, only().attempts) == (DeliveryState.SENT, 1)


def test_a_full_mailbox_is_tried_again(mailed: tuple[Mailbox, Run]) -> None:
    box, _ = mailed
    box.full = True
    assert outbox.deliver() == 1
    assert "Mailbox full" in only().error
    assert outbox.deliver() == 0, "not at once"
    box.full = False
    later(5)
    assert outbox.deliver() == 1
    assert (len(box.got), only().state, only().error) == (1, DeliveryState.SENT, "")


def test_a_webhook_is_called_until_it_accepts_and_the_message_stays_the_same(db: None) -> None:
    secret = new_secret()
    with web() as receiver:
        Delivery.objects.create(webhook=webhook("chat", receiver.url, secret), body=BODY)
        receiver.statuses = [503, 429, 200]
        for pause in (5, 300, 0):
            assert outbox.deliver() == 1
            assert outbox.deliver() == 0, "not before its time"
            later(pause)
    assert outbox.deliver() == 0
    assert [Verifier(secret).verify(content, headers) for headers, content in receiver.got] == [BODY] * 3
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {str(only().pk)}
    assert (only().state, only().attempts) == (DeliveryState.SENT, 3)
    uses = AuditEvent.objects.filter(verb="credential:use", kind="webhook", label__contains="chat")
    assert [event.reason for event in uses] == [f"Signs delivery {only().pk}"] * 3


def test_it_is_given_up_after_the_last_pause(db: None) -> None:
    with web() as receiver:
        receiver.statuses = [500]
        Delivery.objects.create(webhook=webhook("chat", receiver.url), body=BODY)
        for pause in outbox.PAUSES:
            assert outbox.deliver() == 1
            assert only().state == DeliveryState.WAITING
            later(pause.total_seconds())
        assert outbox.deliver() == 1
    assert (only().state, only().error) == (DeliveryState.GIVEN_UP, "It answered with status 500.")
    assert len(receiver.got) == len(outbox.PAUSES) + 1


def test_who_wants_no_more_calls_gets_none(db: None) -> None:
    with web() as receiver:
        receiver.statuses = [410]
        hook = webhook("chat", receiver.url)
        for _ in range(2):
            Delivery.objects.create(webhook=hook, body=BODY)
        outbox.deliver()
    assert len(receiver.got) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.GIVEN_UP}
    assert not Webhook.objects.get().active
    event = AuditEvent.objects.get(verb="webhook:change")
    assert (event.actor, event.after) == ("portal", {"active": False})


def test_two_workers_do_not_send_the_same(db: None) -> None:
    with web() as receiver:
        delivery = Delivery.objects.create(webhook=webhook("chat", receiver.url), body=BODY)
        Delivery.objects.filter(pk=delivery.pk).update(due_at=Now() + outbox.CLAIM)  # the other one's claim
        assert outbox.deliver() == 0
        later(outbox.CLAIM.total_seconds())  # it died
        assert outbox.deliver() == 1
    assert len(receiver.got) == 1


def test_a_key_that_is_missing_delays_and_loses_nothing(db: None, settings: Settings, tmp_path: Any) -> None:
    with web() as receiver:
        Delivery.objects.create(webhook=webhook("chat", receiver.url), body=BODY)
        ring = settings.SECRET_KEYS_FILE
        settings.SECRET_KEYS_FILE = tmp_path / "another-ring"
        outbox.deliver()
        assert only().state == DeliveryState.WAITING
        assert only().error
        settings.SECRET_KEYS_FILE = ring
        later(5)
        outbox.deliver()
    assert only().state == DeliveryState.SENT


def test_the_sweeper_starts_what_is_due(db: None) -> None:
    asked: list[str] = []

    class Queue:
        def execute(self, run_id: int) -> object:
            raise AssertionError(run_id)

        def waiting(self) -> set[int]:
            return set()

        def deliver(self) -> object:
            asked.append("deliver")
            return None

        def verify_history(self, by: str) -> object:
            raise AssertionError("there is no history")

        def look(self, realm_id: int) -> object:
            raise AssertionError("there is no history")

    assert sweep(Queue()) == 0
    assert asked == []
    Delivery.objects.create(webhook=webhook("chat", "https://chat.example.com/"), body=BODY)
    assert sweep(Queue()) == 0
    assert asked == ["deliver"]


def test_old_ones_are_forgotten(db: None) -> None:
    hook = webhook("chat", "https://chat.example.com/")
    for state in DeliveryState.values:
        Delivery.objects.create(webhook=hook, body=BODY, state=state, due_at=Now() + timedelta(days=1))
    Delivery.objects.update(created_at=Now() - outbox.KEPT)
    outbox.deliver()
    assert [one.state for one in Delivery.objects.all()] == [DeliveryState.WAITING]


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("de", "Genehmigt: Replikat installieren: ipareplica.example.com"),
        ("fr", "Approuvé: Installer le réplica: ipareplica.example.com"),
    ],
)
def test_an_email_is_in_its_readers_language(mailed: tuple[Mailbox, Run], language: str, subject: str) -> None:
    box, _ = mailed
    EmailChoice.objects.create(user=User.objects.get(username="operator"), language=language)
    outbox.deliver()
    (message,) = box.got
    assert str(make_header(decode_header(message["subject"]))) == subject


@pytest.mark.parametrize("address", ["olga@example.com, oleg@example.com", "olga@example.com>"])
def test_an_address_that_no_message_takes_is_given_up(mailed: tuple[Mailbox, Run], address: str) -> None:
    box, _ = mailed
    User.objects.filter(username="operator").update(email=address)
    assert outbox.deliver() == 1
    assert (box.got, only().state) == ([], DeliveryState.GIVEN_UP)
    assert "The e-mail cannot be sent" in only().error
    assert outbox.deliver() == 0

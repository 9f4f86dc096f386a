"""What a person was told, what of it comes by e-mail, and webhooks."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from replicas import keyring
from replicas.choices import EmailWish, NoticeKind
from replicas.models import AuditEvent, Delivery, EmailChoice, Notice, Webhook
from tests.replicas.views.conftest import World


def tell(world: World, name: str, kind: NoticeKind = NoticeKind.WAITING, reason: str = "") -> Notice:
    run = world.failed if kind == NoticeKind.FAILED else None
    return Notice.objects.create(
        recipient=world.people[name], kind=kind, plan=world.waiting, run=run, actor="operator", reason=reason
    )


def test_the_rail_counts_what_was_not_read(world: World) -> None:
    tell(world, "approver")
    tell(world, "approver")
    page = world.client("approver").get(reverse("dashboard")).content.decode()
    assert re.search(r'title="unread">2<', page)
    assert 'title="unread"' not in world.client("operator").get(reverse("dashboard")).content.decode()


def test_a_notice_leads_on_and_is_read(world: World) -> None:
    notice = tell(world, "approver")
    answer = world.client("approver").get(reverse("notice", args=[notice.pk]))
    assert answer["Location"] == reverse("plan", args=[world.waiting.pk])
    notice.refresh_from_db()
    assert notice.read_at
    failed = tell(world, "operator", NoticeKind.FAILED)
    answer = world.client("operator").get(reverse("notice", args=[failed.pk]))
    assert answer["Location"] == reverse("run", args=[world.failed.pk])


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_of_another_site_leads_on_and_marks_nothing_as_read(world: World, site: str) -> None:
    notice = tell(world, "approver")
    answer = world.client("approver").get(reverse("notice", args=[notice.pk]), headers={"Sec-Fetch-Site": site})
    assert answer["Location"] == reverse("plan", args=[world.waiting.pk])
    notice.refresh_from_db()
    assert notice.read_at is None


def test_the_list_shows_own_notices_only(world: World) -> None:
    mine = tell(world, "approver", reason="because of Ulm")
    tell(world, "both", reason="not for these eyes")
    page = world.client("approver").get(reverse("notices")).content.decode()
    assert "because of Ulm" in page
    assert "not for these eyes" not in page
    assert world.client("both").get(reverse("notice", args=[mine.pk])).status_code == 404


def test_all_are_marked_as_read_but_nobody_elses(world: World) -> None:
    tell(world, "approver")
    other = tell(world, "both")
    world.client("approver").post(reverse("notices_read"))
    assert list(Notice.objects.filter(read_at=None)) == [other]


def test_a_person_chooses_what_comes_by_email(world: World) -> None:
    client = world.client("operator")
    client.post(reverse("notices_email"), {"wish": "important", "language": "fr"})
    assert EmailChoice.objects.get().wish == EmailWish.IMPORTANT
    assert EmailChoice.objects.get().language == "fr"
    client.post(reverse("notices_email"), {"wish": "nothing at all", "language": "fr"})
    assert EmailChoice.objects.get().wish == EmailWish.IMPORTANT
    assert re.search(r'value="important"\s+selected', client.get(reverse("notices")).content.decode())


def test_a_webhooks_secret_is_shown_once(world: World) -> None:
    client = world.client("administrator")
    answer = client.post(
        reverse("webhooks"), {"name": "chat", "url": "https://chat.example.com/1", "kinds": ["failed"]}
    )
    hook = Webhook.objects.get()
    secret = keyring.unseal(hook)
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    for page in (reverse("webhook", args=[hook.pk]), reverse("webhooks"), reverse("history")):
        assert secret not in client.get(page).content.decode()
    assert hook.kinds == ["failed"]
    event = AuditEvent.objects.get(verb="webhook:add")
    assert event.after == {"host": "https://chat.example.com", "kinds": ["failed"], "active": True, "format": "signed"}
    assert "https://chat.example.com/1" not in client.get(reverse("history")).content.decode()


def test_a_name_is_taken_once(world: World) -> None:
    world.webhook  # noqa: B018
    answer = world.client("root").post(reverse("webhooks"), {"name": "chat", "url": "https://chat.example.com/2"})
    assert "There is a webhook «chat» already." in answer.content.decode()
    assert Webhook.objects.count() == 1


def test_bad_addresses_are_refused_by_name(world: World) -> None:
    for url, words in (
        ("http://chat.example.com/", "use https"),
        ("https://olga:secret@chat.example.com/", "Leave user and password out"),
        ("ftp://chat.example.com/", "Enter a whole address"),
        ("https://[::1", "Enter a whole address"),
        ("chat.example.com", "Enter a whole address"),
    ):
        answer = world.client("root").post(reverse("webhooks"), {"name": "chat", "url": url})
        assert words in answer.content.decode(), url
    assert not Webhook.objects.exists()


def test_a_webhook_is_changed_tested_and_gets_a_new_secret(world: World) -> None:
    hook, client = world.webhook, world.client("administrator")
    client.post(act(hook, "change"), {"url": "http://127.0.0.1:8080/", "kinds": [], "active": ""})
    hook.refresh_from_db()
    assert (hook.url, hook.active) == ("http://127.0.0.1:8080/", False)
    before = keyring.unseal(hook)
    answer = client.post(act(hook, "renew"))
    hook.refresh_from_db()
    assert keyring.unseal(hook) != before
    assert keyring.unseal(hook) in answer.content.decode()
    client.post(act(hook, "test"))
    assert Delivery.objects.get().body["type"] == "portal.test"
    assert "portal.test" in client.get(reverse("webhook", args=[hook.pk])).content.decode()
    assert AuditEvent.objects.filter(verb="webhook:change").count() == 2
    assert AuditEvent.objects.get(verb="webhook:test").actor == "administrator"


def test_to_be_removed_it_is_named(world: World) -> None:
    hook, client = world.webhook, world.client("administrator")
    Delivery.objects.create(webhook=hook, error="It answered with status 500.", due_at=timezone.now())
    page = client.post(act(hook, "remove"), {"name": "chatter"}).content.decode()
    assert "This is not its name." in page
    assert "It answered with status 500." in page
    client.post(act(hook, "remove"), {"name": "chat"})
    assert not Webhook.objects.exists()
    assert not Delivery.objects.exists()
    assert AuditEvent.objects.get(verb="webhook:remove").label == "chat"


def act(hook: Webhook, name: str) -> str:
    return reverse("webhook_act", args=[hook.pk, name])

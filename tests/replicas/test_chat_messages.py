"""Messages for chats: each chat takes its own, and nobody's name or reason means anything to a chat."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from replicas import notices, outbox
from replicas.chat_messages import detect, only_format, render
from replicas.choices import DeliveryState, NoticeKind, PlanAction, WebhookFormat
from replicas.clients.webhook import WebhookError, post_to_chat
from replicas.models import AuditEvent, Delivery, Webhook
from tests.replicas.chats import CHATS
from tests.replicas.receivers import web
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World, quick, unreachable, world

__all__ = ("quick", "unreachable", "world")
FORMATS = ["slack", "mattermost", "teams"]
SECRET = "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
HOSTILE = (
    "<!channel> <!here> <@U024BE7LH> <!subteam^S1> @here @channel @all @alice <at>Alice</at> "
    "<https://evil.example|Sign in> [Sign in](https://evil.example) https://evil.example www.evil.example "
    "*bold* _it_ ~strike~ `code` ``x`` :tada: # title\n> quote\n\n- item &lt;!channel&gt; \u202etxt \x1b[31m"
)


def body(**data: Any) -> dict[str, Any]:
    about = {
        "replica": "ipareplica.example.com", "master": "ipaserver.example.com", "realm": "EXAMPLE.COM",
        "action": "install", "plan": 7, "run": 9, "by": "olga", "reason": "needed in Ülm", "error": "UDP 88 is closed.",
        "people": ["anna"], "url": "https://portal.example.com/runs/9/",
    }  # fmt: skip
    return {"type": "run.failed", "timestamp": "2026-11-30T12:00:00+00:00", "data": about | data}


def texts(value: Any) -> list[str]:
    """Every text of a message."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("name", FORMATS)
def test_each_chat_accepts_its_own_format_and_no_signed_json(name: str) -> None:
    with web() as receiver:
        receiver.judge = CHATS[name]
        post_to_chat(receiver.url, render(name, body()))
        with pytest.raises(WebhookError, match="status 400"):
            post_to_chat(receiver.url, body())


@pytest.mark.parametrize("format", ["slack", "mattermost"])
def test_teams_accepts_no_message_for_another_chat(format: str) -> None:
    with web() as receiver:
        receiver.judge = CHATS["teams"]
        with pytest.raises(WebhookError, match="status 400"):
            post_to_chat(receiver.url, render(format, body()))


@pytest.mark.parametrize("format", FORMATS)
def test_a_message_says_what_happened_and_where(format: str) -> None:
    shown = " ".join(texts(render(format, body())))
    for words in (
        "Failed: Install replica: ipareplica.example.com", "EXAMPLE.COM", "ipaserver.example.com", "olga",
        "needed in Ülm", "UDP 88 is closed.", "https://portal.example.com/runs/9/", "Open in the portal",
    ):  # fmt: skip
        assert words in shown, words


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", NoticeKind.values)
def test_every_notice_is_accepted(format: str, kind: str) -> None:
    for data in ({}, {"reason": "", "error": ""}, {"reason": "&" * 2000, "error": "<" * 5000, "by": "@" * 150}):
        for action in PlanAction.values:
            content = json.dumps(render(format, body(**data, action=action) | {"type": f"plan.{kind}"})).encode()
            assert CHATS[format](content)[0] in (200, 202)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("content", [{}, {"type": "portal.test", "data": {"by": "olga"}}, {"type": "run.failed"}])
def test_a_test_and_a_message_without_content(format: str, content: dict[str, Any]) -> None:
    if content:
        assert CHATS[format](json.dumps(render(format, content)).encode())[0] in (200, 202)
    if content.get("type") == "portal.test":
        assert "Test message from the replica portal" in " ".join(texts(render(format, content)))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("field", ["by", "reason", "error", "replica", "realm", "master"])
def test_nothing_that_people_write_is_a_mention_or_a_link(format: str, field: str) -> None:
    for text in texts(render(format, body(**{field: HOSTILE}))):
        assert not re.search(r"<[!@#]|<at>|@(here|channel|all|alice)", text), text
        own = text.replace("https://portal.example.com/runs/9/", "")
        assert "https://" not in own
        assert "www.evil" not in own
        assert "\u202e" not in own
        assert "\x1b" not in own
        if own.count("](") or own.count("<"):
            assert own in (text, "<|Open in the portal>") or format == "mattermost"


def test_slack_gets_its_three_entities() -> None:
    message = render("slack", body(reason="a < b & c > d <!channel>"))
    fields = [field["text"] for block in message["blocks"] for field in block.get("fields", [])]
    assert "Reason: a &lt; b &amp; c &gt; d &lt;!channel&gt;" in fields
    assert all(field["type"] == "plain_text" for block in message["blocks"] for field in block.get("fields", []))


@given(st.text(max_size=300))
def test_a_value_stays_within_its_code(value: str) -> None:
    """In Mattermost each line is ours, and a value is a code span that nothing in it ends."""
    text = render("mattermost", body(reason=value, error=""))["text"]
    lines = text.split("\n")
    assert len(lines) in (5, 6)
    for line in lines[:-1]:
        assert re.fullmatch(r"(\*\*`[^`]*`\*\*|[A-Z][a-z]+: `[^`]*`)", line), line
    assert "<" not in text


@pytest.mark.parametrize(
    ("url", "expected", "only"),
    [
        (f"https://hooks.slack.com/services/{SECRET}", "slack", True),
        ("https://HOOKS.SLACK.COM./workflows/T0/A0/1/x", "slack", True),
        ("https://hooks.slack-gov.com/services/T0/B0/x", "slack", True),
        ("https://example.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d", "teams", True),
        ("https://outlook.office.com/webhook/a@b/IncomingWebhook/c/d", "teams", True),
        (
            "https://prod-12.westeurope.logic.azure.com:443/workflows/a/triggers/manual/paths/invoke?sig=x",
            "teams",
            True,
        ),
        (
            "https://default1.2.environment.api.powerplatform.com:443/powerautomate/automations/direct/w/x",
            "teams",
            True,
        ),
        ("https://chat.example.com/hooks/xxxxxxxxxxxxxxxxxxxxxxxxxx", "mattermost", False),
        ("https://example.com/mattermost/hooks/abcdefghijklmnopqrstuvwxyz", "mattermost", False),
        ("https://chat.example.com/hooks/replicas", "signed", False),
        ("https://slack.com.evil.example/services/x", "signed", False),
        ("https://notslack.com/services/x", "signed", False),
    ],
)
def test_the_address_tells_the_format(url: str, expected: str, only: bool) -> None:
    assert detect(url) == expected
    assert only_format(url) == (expected if only else None)


@pytest.mark.parametrize("format", FORMATS)
def test_notices_reach_a_chat_and_no_secret_is_opened_for_it(world: World, format: str) -> None:
    with web() as receiver:
        receiver.judge = CHATS[format]
        hook = w.webhook("chat", f"{receiver.url}/{SECRET}")
        Webhook.objects.update(format=format)
        notices.tell(NoticeKind.FAILED, world.failed.plan, [], run=world.failed, actor="olga <!channel>")
        assert outbox.deliver() == 1
    delivery = Delivery.objects.get(webhook=hook)
    assert (delivery.state, delivery.error) == (DeliveryState.SENT, "")
    assert not AuditEvent.objects.filter(verb="credential:use").exists()
    assert "webhook-signature" not in receiver.got[0][0]


def test_what_slack_says_is_told(world: World) -> None:
    with web() as receiver:
        receiver.judge = lambda content: (404, "no_service")
        hook = w.webhook("chat", receiver.url)
        Webhook.objects.update(format="slack")
        Delivery.objects.create(webhook=hook, body=body())
        outbox.deliver()
    assert Delivery.objects.get().error == "It answered with status 404 (no_service)."


def test_a_connector_that_says_in_words_that_it_failed() -> None:
    with web() as receiver:
        receiver.judge = lambda content: (
            200,
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ...",
        )
        with pytest.raises(WebhookError, match="refused the message with status 429"):
            post_to_chat(receiver.url, render("teams", body()))


def test_an_address_is_a_secret_everywhere(world: World) -> None:
    """On every page of it, in a form that comes back, in the history and in errors."""
    client = world.client("administrator")
    url = f"https://hooks.slack.com/services/{SECRET}"
    answer = client.post(reverse("webhooks"), {"name": "team", "url": url, "format": ""}, follow=True)
    hook = Webhook.objects.get()
    assert (hook.url, hook.format) == (url, "slack")
    pages = [answer.content.decode()]
    assert "The webhook is added." in pages[0]
    assert "whsec_" not in pages[0]
    assert "https://hooks.slack.com/…" in pages[0]
    act = reverse("webhook_act", args=[hook.pk, "change"])
    pages += [
        client.get(page).content.decode()
        for page in (reverse("webhooks"), reverse("webhook", args=[hook.pk]), reverse("history"))
    ]
    pages.append(client.post(act, {"url": url, "format": "teams"}).content.decode())
    pages.append(client.post(reverse("webhooks"), {"name": "team", "url": url}).content.decode())
    pages.append(client.post(reverse("webhooks"), {"name": "!", "url": url}).content.decode())
    root = world.client("root")
    for name, args in (("change", [hook.pk]), ("changelist", []), ("history", [hook.pk])):
        pages.append(root.get(reverse(f"admin:replicas_webhook_{name}", args=args)).content.decode())
    assert not any(SECRET in page for page in pages)
    assert SECRET not in str(list(AuditEvent.objects.values_list("before", "after", "reason", "label")))


def test_an_empty_address_keeps_the_stored_one(world: World) -> None:
    hook, client = world.webhook, world.client("administrator")
    client.post(reverse("webhook_act", args=[hook.pk, "change"]), {"url": "", "format": "mattermost", "active": "on"})
    hook.refresh_from_db()
    assert (hook.url, hook.format, hook.active) == ("https://chat.example.com/hooks/1", "mattermost", True)
    page = client.get(reverse("webhook", args=[hook.pk])).content.decode()
    assert "New secret" not in page
    event = AuditEvent.objects.get(verb="webhook:change")
    before, after = event.before or {}, event.after or {}
    assert (before["format"], after["format"], after["address_changed"]) == ("signed", "mattermost", False)


@pytest.mark.parametrize("format", ["signed", "mattermost", "teams"])
def test_a_format_that_the_host_refuses_is_said_at_once(world: World, format: str) -> None:
    data = {"name": "team", "url": f"https://hooks.slack.com/services/{SECRET}", "format": format}
    page = world.client("administrator").post(reverse("webhooks"), data).content.decode()
    assert "hooks.slack.com accepts only messages for Slack. Choose that format." in page
    assert not Webhook.objects.exists()


def test_the_version_before_can_store_a_webhook(db: None) -> None:
    """It does not know the column."""
    hook = w.webhook("chat", "https://chat.example.com/hooks/1")
    known = [str(field.column) for field in Webhook._meta.fields if field.name not in ("id", "format", "name")]
    columns = ", ".join(known)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO replicas_webhook (name, {columns}) SELECT 'old', {columns} FROM replicas_webhook"  # noqa: S608
        )
    assert {one.format for one in Webhook.objects.all()} == {hook.format} == {WebhookFormat.SIGNED}

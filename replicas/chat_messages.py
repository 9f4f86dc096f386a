"""Notices as messages for chats: Slack, Mattermost and Microsoft Teams each take a form that is theirs alone.

Names, reasons and errors come from people and hosts. None of them may mention a channel, make a link or format text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.utils import translation
from django.utils.translation import gettext as _

from replicas.choices import NoticeKind, PlanAction, WebhookFormat

MAX_VALUE = 350
"""Characters of a value: Slack refuses a field of more than 2,000, and counts an escaped one as up to five."""
HIDDEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufe00-\ufe0f]")
BREAK = "\u200b"
"""Has no width, and ends what a chat would take for a mention or a link."""
SLACK_HOSTS = ("slack.com", "slack-gov.com")
TEAMS_HOSTS = (
    "webhook.office.com", "outlook.office.com", "outlook.office365.com", "logic.azure.com", "logic.azure.us",
    "powerplatform.com", "powerautomate.com", "powerplatform.us",
)  # fmt: skip
MATTERMOST_PATH = re.compile(r"/hooks/[a-z0-9]{26}/?$")


class Message(NamedTuple):
    """What a chat shows: a title, names with their values, and where it leads ("" for nowhere)."""

    title: str
    facts: list[tuple[str, str]]
    url: str


def only_format(url: str) -> WebhookFormat | None:
    """Return the one format that the host of a webhook takes, or None where the host does not tell."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    for hosts, format in ((SLACK_HOSTS, WebhookFormat.SLACK), (TEAMS_HOSTS, WebhookFormat.TEAMS)):
        if any(host == known or host.endswith(f".{known}") for known in hosts):
            return format
    return None


def detect(url: str) -> WebhookFormat:
    """Return the format that an address asks for; signed JSON when it looks like none of the chats'."""
    if only := only_format(url):
        return only
    return WebhookFormat.MATTERMOST if MATTERMOST_PATH.search(urlsplit(url).path) else WebhookFormat.SIGNED


def render(format: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON for a chat, made of what a signed webhook would be sent (replicas.notices.body)."""
    with translation.override("en"):  # as everything else that does not belong to one reader
        return FORMATS[format](_message(body))


def _message(body: Mapping[str, Any]) -> Message:
    data = body.get("data") or {}
    if body.get("type") == "portal.test":
        return Message(_("Test message from the replica portal"), _facts({_("By"): data.get("by")}), "")
    kinds, actions = dict(NoticeKind.choices), dict(PlanAction.choices)
    kind = str(body.get("type", "")).rpartition(".")[2]
    parts = (kinds.get(kind, kind), actions.get(str(data.get("action")), ""), data.get("replica", ""))
    facts = {
        _("Realm"): data.get("realm"),
        _("Master"): data.get("master"),
        _("By"): data.get("by"),
        _("Reason"): data.get("reason"),
        _("Error"): data.get("error"),
    }
    return Message(": ".join(str(part) for part in parts if part), _facts(facts), str(data.get("url") or ""))


def _facts(values: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in values.items() if value]


def plain(text: str) -> str:
    """Return a text in one line that no chat takes for a mention or a link."""
    line = " ".join(HIDDEN.sub("", text).split())
    line = "".join(letter for letter in line if letter.isprintable())
    line = line if len(line) <= MAX_VALUE else f"{line[:MAX_VALUE]}…"
    line = line.replace("@", f"@{BREAK}").replace("://", f":{BREAK}//").replace("](", f"]{BREAK}(")
    return re.sub(r"(?i)\b(www|mailto)([.:])", rf"\1{BREAK}\2", line)


def _slack(message: Message) -> dict[str, Any]:
    """Plain text blocks know no formatting; `text` is what a notification shows."""

    def block(text: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": text, "emoji": False}

    title = _entities(plain(message.title))
    blocks: list[dict[str, Any]] = [{"type": "section", "text": block(title)}]
    if message.facts:
        fields = [block(f"{name}: {_entities(plain(value))}") for name, value in message.facts]
        blocks.append({"type": "section", "fields": fields})
    if message.url:
        label = _("Open in the portal")
        link = f"<{_entities(message.url)}|{label}>"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link, "verbatim": True}})
    quiet = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    return {"text": title, "blocks": blocks, **quiet}


def _entities(text: str) -> str:
    """The three characters that Slack gives a meaning, as its documentation has them escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mattermost(message: Message) -> dict[str, Any]:
    """Markdown in which every value is code: nothing within it is formatted, linked or a mention."""

    def code(text: str) -> str:
        return f"`{_without_brackets(plain(text)).replace('`', chr(39))}`"

    lines = [f"**{code(message.title)}**", *(f"{name}: {code(value)}" for name, value in message.facts)]
    if message.url:
        label = _("Open in the portal")
        lines.append(f"[{label}]({message.url})")
    return {"text": "\n".join(lines)}


def _without_brackets(text: str) -> str:
    """Mattermost reads `<!channel>` as Slack does, also in code; Teams reads `<at>`."""
    return text.replace("<", "＜").replace(">", "＞")


def _teams(message: Message) -> dict[str, Any]:
    """An adaptive card for a workflow or an incoming webhook. Its text runs know no Markdown."""

    def paragraph(*runs: tuple[str, bool]) -> dict[str, Any]:
        inlines = [{"type": "TextRun", "text": text, "weight": "Bolder" if bold else "Default"} for text, bold in runs]
        return {"type": "RichTextBlock", "inlines": inlines}

    title = paragraph((_without_brackets(plain(message.title)), True))
    facts = [paragraph((f"{name}: ", True), (_without_brackets(plain(value)), False)) for name, value in message.facts]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, *facts],
    }
    if message.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": _("Open in the portal"), "url": message.url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


FORMATS: dict[str, Callable[[Message], dict[str, Any]]] = {
    WebhookFormat.SLACK: _slack,
    WebhookFormat.MATTERMOST: _mattermost,
    WebhookFormat.TEAMS: _teams,
}
"""Every format but signed JSON."""

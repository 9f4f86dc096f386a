"""Receivers that take and refuse messages as Slack, Mattermost and Microsoft Teams do."""

from __future__ import annotations

import json
from typing import Any


def slack(content: bytes) -> tuple[int, str]:
    """As docs.slack.dev describes the errors of incoming webhooks."""
    try:
        body = json.loads(content)
    except ValueError:
        return 400, "invalid_payload"
    if not isinstance(body, dict):
        return 400, "invalid_payload"
    if not (body.get("text") or body.get("attachments") or body.get("blocks")):
        return 400, "no_text"
    return (200, "ok") if all(_slack_block(block) for block in body.get("blocks", [])) else (400, "invalid_blocks")


def _slack_block(block: dict[str, Any]) -> bool:
    """The limits of Block Kit for sections, the one kind of block that is used."""
    texts = [block["text"]] if "text" in block else []
    fields = block.get("fields", [])
    return (
        block.get("type") == "section"
        and bool(texts or fields)
        and len(fields) <= 10
        and all(text["type"] in ("plain_text", "mrkdwn") and 0 < len(text["text"]) <= 3000 for text in texts)
        and all(text["type"] in ("plain_text", "mrkdwn") and 0 < len(text["text"]) <= 2000 for text in fields)
        and not any("verbatim" in text for text in [*texts, *fields] if text["type"] == "plain_text")
        and not any("emoji" in text for text in [*texts, *fields] if text["type"] == "mrkdwn")
    )


def mattermost(content: bytes) -> tuple[int, str]:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return 400, json.dumps({"id": "web.incoming_webhook.parse.app_error", "status_code": 400})
    if not (body.get("text") or body.get("attachments")):
        return 400, json.dumps({"id": "web.incoming_webhook.text.app_error", "message": "No text specified"})
    return (200, "ok") if len(body.get("text", "")) <= 16383 else (400, "{}")


def teams(content: bytes) -> tuple[int, str]:
    """A workflow that posts each adaptive card of the request."""
    try:
        body = json.loads(content)
        cards = [one["content"] for one in body["attachments"]]
        kinds = {one["contentType"] for one in body["attachments"]}
    except (ValueError, KeyError, TypeError):
        return 400, "Summary or Text is required."
    right = body.get("type") == "message" and kinds == {"application/vnd.microsoft.card.adaptive"}
    if not right or len(content) > 28 * 1024 or not all(_card(card) for card in cards):
        return 400, "Invalid webhook request"
    return 202, ""


def _card(card: dict[str, Any]) -> bool:
    return (
        card.get("type") == "AdaptiveCard"
        and card.get("version") in ("1.0", "1.2", "1.3", "1.4", "1.5")
        and bool(card.get("body"))
        and all(part["type"] == "RichTextBlock" and part["inlines"] for part in card["body"])
        and all(one["type"] == "TextRun" and one["text"] for part in card["body"] for one in part["inlines"])
        and all(one["type"] == "Action.OpenUrl" and one["url"] for one in card.get("actions", []))
    )


CHATS = {"slack": slack, "mattermost": mattermost, "teams": teams}

"""Calls of webhooks: signed as the Standard Webhooks specification says, or messages for chats."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

import httpx

from replicas.errors import PortalError
from replicas.hostside import tls

PREFIX = "whsec_"
SECONDS = 10.0
ENOUGH = 1000
"""Bytes of an answer that are read."""
GONE = 410
"""The status with which a receiver says that it wants nothing more."""


class WebhookError(PortalError):
    """A call that did not arrive; `gone` when the receiver wants no more of them."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


def new_secret() -> str:
    """32 random bytes, written as receivers expect them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secret: str, message: str, at: int, body: bytes) -> dict[str, str]:
    """The signature is HMAC-SHA256 over `ID.SECONDS.BODY`, by the key that the secret holds in base64."""
    signed = f"{message}.{at}.".encode() + body
    mac = hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, hashlib.sha256)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
        "content-type": "application/json",
        "user-agent": "replica-portal",
    }


def post(url: str, secret: str, message: str, body: Mapping[str, Any]) -> None:
    """Send `body` as signed JSON; `message` stays the same when it is sent again.

    Raises WebhookError unless it is accepted.
    """
    content = json.dumps(body, separators=(",", ":")).encode()
    _send(url, content, headers(secret, message, int(time.time()), content))


def post_to_chat(url: str, body: Mapping[str, Any]) -> None:
    """Send `body` to a chat, which knows neither identifiers nor signatures. Raises WebhookError."""
    answer = _send(url, json.dumps(body).encode(), {"content-type": "application/json", "user-agent": "replica-portal"})
    # Microsoft's connectors accept a message with 200, and only say in the text that Teams did not take it.
    if failure := re.search(r"returned HTTP error ([0-9]{3})", answer):
        raise WebhookError(f"It answered that Teams refused the message with status {failure[1]}.")


def _send(url: str, content: bytes, fields: Mapping[str, str]) -> str:
    """Return the beginning of the answer. Raises WebhookError, which repeats no part of the address but its host.

    The machine's own authorities are trusted, and no redirection is followed.
    """
    try:
        with (
            httpx.Client(verify=tls.public(), timeout=SECONDS) as client,
            client.stream("POST", url, content=content, headers=fields) as answer,
        ):
            status = answer.status_code
            text = _beginning(answer)
    except httpx.InvalidURL as error:
        raise WebhookError("Its address cannot be used.") from error
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise WebhookError(f"It could not be reached: {reason.replace(url, 'its address')}.") from error
    if not 200 <= status < 300:
        word = f" ({text.strip()})" if re.fullmatch(r"[a-z_]{3,40}", text.strip()) else ""  # as Slack answers
        raise WebhookError(f"It answered with status {status}{word}.", gone=status == GONE)
    return text


def _beginning(answer: httpx.Response) -> str:
    """An answer that never ends, or stops in the middle, does not matter: its status has come."""
    content, end = b"", time.monotonic() + SECONDS
    try:
        for piece in answer.iter_bytes():
            content += piece
            if len(content) >= ENOUGH or time.monotonic() > end:
                break
    except httpx.HTTPError:
        pass
    return content[:ENOUGH].decode("utf-8", "replace")

"""Calls of webhooks, signed as the Standard Webhooks specification says (github.com/standard-webhooks)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

import httpx

from replicas.errors import PortalError
from replicas.hostside import tls

PREFIX = "whsec_"
SECONDS = 10.0
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
    """Send `body` as JSON; `message` stays the same when it is sent again. Raises WebhookError unless it is accepted.

    The machine's own authorities are trusted, no redirection is followed, and the answer's body is not read.
    """
    content = json.dumps(body, separators=(",", ":")).encode()
    signed = headers(secret, message, int(time.time()), content)
    try:
        with (
            httpx.Client(verify=tls.public(), timeout=SECONDS) as client,
            client.stream("POST", url, content=content, headers=signed) as answer,
        ):
            status = answer.status_code
    except httpx.HTTPError as error:
        raise WebhookError(f"It could not be reached: {error or type(error).__name__}.") from error
    if not 200 <= status < 300:
        raise WebhookError(f"It answered with status {status}.", gone=status == GONE)

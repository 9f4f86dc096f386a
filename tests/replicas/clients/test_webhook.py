"""Calls of webhooks, read by the library that receivers use (standardwebhooks)."""

from __future__ import annotations

import json
import socket

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from replicas.clients.webhook import WebhookError, new_secret, post
from tests.replicas.receivers import web

MESSAGE = "2d2c9a5e-0d0f-4a53-9c2e-0a7b5a3a2f11"
BODY = {"type": "plan.waiting", "data": {"reason": "für später"}}


def test_a_receiver_can_tell_who_calls() -> None:
    secret = new_secret()
    with web() as receiver:
        post(receiver.url, secret, MESSAGE, BODY)
    headers, content = receiver.got[0]
    assert headers["webhook-id"] == MESSAGE
    assert headers["content-type"] == "application/json"
    assert Webhook(secret).verify(content, headers) == BODY == json.loads(content)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(content, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(content.replace(b"waiting", b"failed"), headers)


@pytest.mark.parametrize(("status", "gone"), [(500, False), (302, False), (404, False), (410, True)])
def test_what_is_not_accepted_is_an_error(status: int, gone: bool) -> None:
    with web() as receiver:
        receiver.statuses = [status]
        with pytest.raises(WebhookError, match=f"answered with status {status}") as caught:
            post(receiver.url, new_secret(), MESSAGE, BODY)
    assert caught.value.gone is gone
    assert len(receiver.got) == 1, "no redirection is followed"


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(WebhookError, match="could not be reached: .*refused"):
        post(f"http://127.0.0.1:{port}/", new_secret(), MESSAGE, BODY)


def test_an_unknown_authority_is_not_trusted(foreign_server: str) -> None:
    with pytest.raises(WebhookError, match="certificate verify failed"):
        post(foreign_server, new_secret(), MESSAGE, BODY)

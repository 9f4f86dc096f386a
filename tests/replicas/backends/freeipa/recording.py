"""Recorded exchanges, as they were or with other names in them."""

from __future__ import annotations

import json
from typing import Any

from tests.replicas.clients.freeipa.conftest import Server


def renamed(server: Server, name: str, **names: str) -> None:
    """Expect an exchange with other host names (`old="new"`, without the domain) in its request and its answer."""
    server.expect(name)
    assert server.replay
    exchange = server.replay.armed.pop()
    text = json.dumps([exchange["request"]["body"], exchange["response"]])
    for old, new in names.items():
        text = text.replace(f"{old}.example.com", f"{new}.example.com")
    body, response = json.loads(text)
    server.replay.armed.append({**exchange, "request": exchange["request"] | {"body": body}, "response": response})


def written(server: Server, like: str, command: str, args: list[str], options: dict[str, Any], answer: str) -> None:
    """Expect a call that nobody recorded, sent like a recorded one, and answered as another one was."""
    server.expect(f"{like}<-{answer}")
    assert server.replay
    call = server.replay.armed[-1]
    body = call["request"]["body"] | {"method": command, "params": [args, options | {"version": "2.251"}]}
    server.replay.armed[-1] = call | {"request": call["request"] | {"body": body}}

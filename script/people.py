"""A person at the portal, over HTTP: the demo uses the same pages as everybody else."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

LOOKING = "the hosts are being looked at"
POLL_SECONDS = 0.2
NO_CONSOLES: Mapping[str, str] = MappingProxyType({})


class PageRefused(RuntimeError):
    """The portal answered a form with errors; the text holds them as the person would read them."""


class Person:
    """Signs in, sends forms, follows a run's log.

    `consoles` has the fingerprints that the person reads on the hosts' own consoles, by host name.
    """

    def __init__(self, address: str, name: str, password: str, consoles: Mapping[str, str] = NO_CONSOLES) -> None:
        self.address, self.consoles = address, consoles
        self.client = httpx.Client(base_url=address, follow_redirects=True, timeout=60, headers={"Referer": address})
        self.send("/login/", {"username": name, "password": password})

    def send(self, path: str, *steps: dict[str, Any], to: str | None = None) -> httpx.Response:
        """Open the form at `path`, fill it in and send it (to `to` when that is another address).

        With several dictionaries, each fills in the form that the one before led to. Gives the page that one lands on
        after the last. Raises PageRefused.
        """
        page = self.client.get(path)
        if page.status_code >= 400:
            raise PageRefused(f"{path} answered with status {page.status_code}.")
        for data in steps:
            page = self.client.post(to or path, data=_hidden_fields(page.text) | data)
            if page.status_code >= 400 or _errors(page.text):
                raise PageRefused(_errors(page.text) or f"{path} answered with status {page.status_code}.")
        if not page.history:
            raise PageRefused(f"{path} did not accept the form.")
        return page

    def look(self, path: str, data: dict[str, Any], to: str | None = None) -> httpx.Response:
        """The page with the plan that a form makes, once the hosts were looked at. Raises PageRefused."""
        draft = self.send(path, data, to=to)
        while LOOKING in draft.text:
            time.sleep(POLL_SECONDS)
            draft = self.client.get(draft.url)
        return draft

    def ask(self, path: str, data: dict[str, Any], to: str | None = None, despite: str = "") -> httpx.Response:
        """Send a form that makes a plan, wait until the hosts were looked at, and submit it.

        `despite`: why, if a check has failed. The fingerprint of a new host is that of its console. Gives the page of
        the replica. Raises PageRefused.
        """
        draft = self.look(path, data, to)
        fingerprint = self.consoles.get(str(data.get("hostname", "")), "")
        given = {"despite": despite, "fingerprint": fingerprint}
        return self.send(draft.url.path, given, to=f"{draft.url.path}submit/")

    def follow(self, run: str) -> Iterator[dict[str, Any]]:
        """Everything that the run's socket tells, from the first line to the end of the run."""
        with self.socket(run) as socket:
            socket.send(json.dumps({"cursor": 0}))
            for message in socket:
                yield json.loads(message)

    def socket(self, run: str | int) -> ClientConnection:
        """The WebSocket that the page of a run opens."""
        parts = urlsplit(self.address)
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.client.cookies.jar)
        return connect(
            f"ws://{parts.netloc}/ws/runs/{run}/", origin=Origin(self.address), additional_headers={"Cookie": cookies}
        )


def _hidden_fields(page: str) -> dict[str, str]:
    inputs = re.findall(r"<input[^>]*>", page)
    hidden = (dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in inputs if 'type="hidden"' in tag)
    return {tag["name"]: html.unescape(tag.get("value", "")) for tag in hidden if "name" in tag}


def _errors(page: str) -> str:
    marked = r'<[^>]*class="[^"]*(?:invalid-feedback|alert-danger|failure)[^"]*"[^>]*>(.*?)</(?:span|div|p|section)>'
    found = re.findall(marked, page, re.S)
    texts = (" ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split()) for text in found)
    return " ".join(text for text in texts if text)

"""A person at the portal, over HTTP: the demo uses the same pages as everybody else."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import connect


class PageRefused(RuntimeError):
    """The portal answered a form with errors; the text holds them as the person would read them."""


class Person:
    """Signs in, sends forms, follows a run's log."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self.address = address
        self.client = httpx.Client(base_url=address, follow_redirects=True, timeout=60, headers={"Referer": address})
        self.send("/login/", {"username": name, "password": password})

    def send(self, path: str, data: dict[str, Any]) -> httpx.Response:
        """Open the form at `path`, fill it in and send it; gives the page one lands on. Raises PageRefused."""
        page = self.client.get(path).raise_for_status()
        fields = _hidden_fields(page.text) | data
        answer = self.client.post(path, data=fields)
        if not answer.history or answer.status_code >= 400:
            raise PageRefused(_errors(answer.text) or f"{path} answered with status {answer.status_code}.")
        return answer

    def follow(self, run: str) -> Iterator[dict[str, Any]]:
        """Everything that the run's socket tells, from the first line to the end of the run."""
        parts = urlsplit(self.address)
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.client.cookies.jar)
        with connect(
            f"ws://{parts.netloc}/ws/runs/{run}/", origin=self.address, additional_headers={"Cookie": cookies}
        ) as socket:
            socket.send(json.dumps({"cursor": 0}))
            for message in socket:
                yield json.loads(message)


def _hidden_fields(page: str) -> dict[str, str]:
    inputs = re.findall(r"<input[^>]*>", page)
    hidden = (dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in inputs if 'type="hidden"' in tag)
    return {tag["name"]: html.unescape(tag.get("value", "")) for tag in hidden if "name" in tag}


def _errors(page: str) -> str:
    found = re.findall(r'<[^>]*class="[^"]*(?:invalid-feedback|alert-danger)[^"]*"[^>]*>(.*?)</(?:span|div|p)>', page, re.S)
    texts = (" ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split()) for text in found)
    return " ".join(text for text in texts if text)

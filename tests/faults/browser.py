"""A person's browser, as far as the server can tell: pages with a session, and logs that go on after every break."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import suppress
from typing import Any, Self

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

AGAIN_SECONDS = 1.0
ENDED = ("succeeded", "failed", "cancelled")


class Browser:
    """One person, signed in at one web server."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, follow_redirects=True, timeout=20)
        page = self.post("/login/", {"username": name, "password": password})
        assert "/login/" not in str(page.url), f"{name} could not sign in"

    def close(self) -> None:
        self.client.close()

    def get(self, path: str) -> str:
        """Raises httpx.HTTPError when it does not come, or with an error."""
        return self.client.get(path).raise_for_status().text

    def post(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """A form: fetched for its token, filled in and sent."""
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert found is not None, f"{path} has no form"
        data = fields | {"csrfmiddlewaretoken": found[1]}
        return self.client.post(path, data=data, headers={"Origin": self.url, "Referer": self.url + path})

    @property
    def cookies(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.client.cookies.jar)


class Follower:
    """The page of a run: reads its log from its own cursor, again after every break, to the end of the run."""

    def __init__(self, browser: Browser, run_id: int) -> None:
        self._browser, self._run_id = browser, run_id
        self.lines: list[dict[str, Any]] = []
        self.breaks = 0
        self.state = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join(20)

    def wait(self, seconds: float) -> None:
        """Until it has seen the end of the run."""
        self._thread.join(seconds)
        assert self.state in ENDED, f"the page still says «{self.state}»"

    @property
    def numbers(self) -> list[int]:
        return [line["seq"] for line in self.lines]

    def _keep(self) -> None:
        while not self._closed.is_set() and self.state not in ENDED:
            try:
                self._follow()
            except (OSError, WebSocketException):  # TimeoutError is an OSError
                self.breaks += 1
                self._poll()
                time.sleep(AGAIN_SECONDS)

    def _poll(self) -> None:
        """While there is no socket, as run.js does."""
        with suppress(httpx.HTTPError):
            answer = json.loads(self._browser.get(f"/runs/{self._run_id}/lines?after={self._cursor}"))
            self.lines += answer["lines"]
            if self._cursor == answer["last_seq"]:
                self.state = answer["run"]["state"]

    @property
    def _cursor(self) -> int:
        return self.numbers[-1] if self.lines else 0

    def _follow(self) -> None:
        address = f"{self._browser.url.replace('http', 'ws', 1)}/ws/runs/{self._run_id}/"
        headers = {"Cookie": self._browser.cookies}
        with connect(address, origin=Origin(self._browser.url), additional_headers=headers, open_timeout=5) as socket:
            socket.send(json.dumps({"cursor": self._cursor}))
            while not self._closed.is_set():
                with suppress(TimeoutError):
                    message = json.loads(socket.recv(timeout=1))
                    self.lines += message.get("lines", [])
                    self.state = message.get("run", {}).get("state", self.state)

"""The page of a run in a person's browser, as far as the server can tell: a log that goes on after every break."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import Any, Self

import httpx
from websockets.exceptions import WebSocketException

from script.people import Person

AGAIN_SECONDS = 1.0
ENDED = ("succeeded", "failed", "cancelled")


class Follower:
    """The page of a run: reads its log from its own cursor, again after every break, to the end of the run."""

    def __init__(self, person: Person, run_id: int) -> None:
        self._person, self._run_id = person, run_id
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
            answer = (
                self._person.client.get(f"/runs/{self._run_id}/lines?after={self._cursor}").raise_for_status().json()
            )
            self.lines += answer["lines"]
            if self._cursor == answer["last_seq"]:
                self.state = answer["run"]["state"]

    @property
    def _cursor(self) -> int:
        return self.numbers[-1] if self.lines else 0

    def _follow(self) -> None:
        with self._person.socket(self._run_id) as socket:
            socket.send(json.dumps({"cursor": self._cursor}))
            while not self._closed.is_set():
                with suppress(TimeoutError):
                    message = json.loads(socket.recv(timeout=1))
                    self.lines += message.get("lines", [])
                    self.state = message.get("run", {}).get("state", self.state)

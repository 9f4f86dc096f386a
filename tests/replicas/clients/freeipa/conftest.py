"""A FreeIPA server to speak to: the recorded one, or a live one that the environment names.

A live server is used when PORTAL_TEST_IPA_SERVER (its full name) is set, with PORTAL_TEST_IPA_CA (path of its
/etc/ipa/ca.crt), PORTAL_TEST_IPA_PASSWORD, and where they differ from the defaults PORTAL_TEST_IPA_USER (admin),
PORTAL_TEST_IPA_ADDRESS (what the name resolves to) and PORTAL_TEST_IPA_SPARE (a free address in a reverse zone that the
server keeps). The suite adds the host replica2 of the server's domain, and removes it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from replicas.clients.freeipa.session import Session
from tests.replicas.clients.freeipa.replay import Replay, authority, serving


@dataclass(frozen=True)
class Server:
    """Where the server is, who signs in, and what may be added to it."""

    name: str
    ca: str
    password: str
    user: str = "admin"
    address: str = "127.0.0.1"
    port: int = 443
    spare: str = "10.77.0.12"
    replay: Replay | None = None

    @property
    def domain(self) -> str:
        return self.name.partition(".")[2]

    @property
    def newcomer(self) -> str:
        return f"replica2.{self.domain}"

    def expect(self, *names: str) -> None:
        """The recorded exchanges that come next; a live server says what it says."""
        if self.replay:
            self.replay.arm(*names)

    def session(self, password: str = "", *, ca: str = "", name: str = "") -> AbstractAsyncContextManager[Session]:
        return Session.open(
            name or self.name, self.address, ca or self.ca, self.user, password or self.password, port=self.port
        )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("freeipa")


@pytest.fixture(scope="session")
def recorded_ca(folder: Path) -> str:
    return authority(folder, "ipaserver.example.com")


@pytest.fixture
def recorded(folder: Path, recorded_ca: str) -> Iterator[Server]:
    """The recorded server, live one or not: for what a live server cannot be made to say."""
    replay = Replay()
    with serving(replay, folder) as port:
        yield Server("ipaserver.example.com", recorded_ca, "Secret123", port=port, replay=replay)
    replay.prove()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """The live server where one is named, else the recorded one."""
    if not (name := os.environ.get("PORTAL_TEST_IPA_SERVER")):
        recorded: Server = request.getfixturevalue("recorded")
        return recorded
    return Server(
        name,
        Path(os.environ["PORTAL_TEST_IPA_CA"]).read_text(),
        os.environ["PORTAL_TEST_IPA_PASSWORD"],
        os.environ.get("PORTAL_TEST_IPA_USER", "admin"),
        os.environ.get("PORTAL_TEST_IPA_ADDRESS") or socket.gethostbyname(name),
        spare=os.environ.get("PORTAL_TEST_IPA_SPARE", "10.77.0.12"),
    )

"""A context whose realm is the recorded FreeIPA server, and which has no hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from replicas.backends.freeipa import access
from replicas.errors import WrongPassword
from replicas.lifecycle.base import Level, SecretName
from replicas.lifecycle.job import JSON, Action, Endpoint, Job, Options, RealmFacts, Role
from tests.replicas.clients.freeipa.conftest import Server, folder, recorded, recorded_ca

__all__ = ["folder", "recorded", "recorded_ca"]


def job(action: Action = "install", *, replica: str = "replica2", ca: str = "PEM", **options: Any) -> Job:
    realm = RealmFacts("EXAMPLE.COM", "example.com", "dc=example,dc=com", "freeipa", True, ca)
    master = Endpoint("ipaserver.example.com", "127.0.0.1", "ssh-ed25519 AAAA")
    host = Endpoint(f"{replica}.example.com", "10.77.0.12", "ssh-ed25519 AAAA")
    return Job(action, realm, master, host, Options(**options))


class RealmContext:
    """What a step may use of the realm's side; a step that asks for a host is wrong here."""

    def __init__(self, job: Job, password: str) -> None:
        self.job, self.password, self.keytab = job, password, ""
        self.facts: dict[str, JSON] = {}
        self.lines: list[tuple[Level, str]] = []
        self.masked: list[str | bytes] = []

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def check(self) -> None:
        """Nobody else does this."""

    async def host(self, role: Role) -> Any:
        raise AssertionError(f"asked for the {role}'s host")

    def secret(self, name: SecretName) -> str:
        assert name in ("admin", "keytab")
        return self.password if name == "admin" else self.keytab

    def has(self, name: SecretName) -> bool:
        return bool(self.keytab) if name == "keytab" else True

    def rejected(self, name: SecretName, error: WrongPassword) -> None:
        raise error

    def mask(self, *values: str | bytes) -> None:
        self.masked += values

    def log(self, text: str, level: Level = "info") -> None:
        self.lines.append((level, text))

    def progress(self, done: int, total: int, unit: str = "") -> None:
        """Nobody follows it."""

    async def command(self, *args: Any, **options: Any) -> int:
        raise AssertionError("started a command")

    async def fact(self, key: str, value: JSON) -> None:
        self.facts[key] = value


Make = Callable[..., RealmContext]


@pytest.fixture
def context(recorded: Server, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a context for a job on the recorded server."""
    monkeypatch.setattr(access, "HTTPS", recorded.port)

    def make(action: Action = "install", **options: Any) -> RealmContext:
        wanted = job(action, ca=recorded.ca, **options)
        return RealmContext(wanted, recorded.password)

    return make

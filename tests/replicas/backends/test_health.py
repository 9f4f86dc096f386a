"""Certificates of a realm's servers, in looks at either kind of realm; the server presents one on this machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from replicas.backends.freeipa import health as freeipa
from replicas.backends.freeipa.realm import Server as IpaServer
from replicas.backends.native import health as native
from replicas.backends.native.names import Names
from replicas.backends.native.topology import Server
from replicas.errors import DirectoryError
from replicas.lifecycle import certificates
from replicas.lifecycle.base import CertificateHealth
from replicas.lifecycle.job import Endpoint, Job, Options, RealmFacts
from replicas.lifecycle.reading import ReadingContext
from tests.replicas.clients.tls import presenting

MASTER = Endpoint("ipaserver.example.com", "127.0.0.1", "ssh-ed25519 AAAA")
REALM = RealmFacts("EXAMPLE.COM", "example.com", "dc=example,dc=com", "x", True, "")
JOB = Job("look", REALM, MASTER, MASTER, Options())
Ask = Callable[[ReadingContext, str], Awaitable[Any]]


def ask_native(ctx: ReadingContext, name: str) -> Awaitable[native.Seen]:
    return native._ask(ctx, Names(ctx.job), Server(name, {}))


def ask_freeipa(ctx: ReadingContext, name: str) -> Awaitable[freeipa.Seen]:
    return freeipa._ask(ctx, IpaServer(name, (), ("domain",)))


@pytest.mark.parametrize(("module", "ask"), [(freeipa, ask_freeipa), (native, ask_native)])
async def test_every_server_s_certificates_even_if_its_directory_is_silent(
    module: ModuleType, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*args: object) -> None:
        raise DirectoryError("It is silent.")

    monkeypatch.setattr(module, "directory_at", silent)
    ctx = ReadingContext(JOB, {}, nobody)
    with presenting(tmp_path, -2) as port:
        monkeypatch.setattr(certificates, "PORTS", (port, 1))
        seen = await ask(ctx, MASTER.hostname)
    assert seen.certificates == (CertificateHealth(f"{MASTER.hostname}, port {port}", -2),)
    assert seen.problem == "It is silent."


async def nobody(endpoint: object) -> Any:
    raise AssertionError(endpoint)

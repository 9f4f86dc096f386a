"""Open connections to test hosts."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest

from lab import Lab
from replicas.clients import ssh
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job, Options, RealmFacts
from tests.replicas.receivers import web
from tests.replicas.steps.kept import KeptContext, endpoint


@pytest.fixture
def unblocked(lab: Lab) -> Iterator[Lab]:
    """Hosts whose firewalls are open again afterwards."""
    yield lab
    for host in lab.hosts:
        host.unblock()


@pytest.fixture
async def master(lab: Lab) -> AsyncIterator[ssh.Host]:
    async with await ssh.connect(endpoint(lab.hosts[0]), lab.ssh_key) as host:
        yield host


@pytest.fixture
async def replica(lab: Lab) -> AsyncIterator[ssh.Host]:
    async with await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key) as host:
        yield host


@pytest.fixture(scope="session")
def ca(lab: Lab) -> str:
    return lab.master.read("/etc/ipa/ca.crt")


@pytest.fixture(scope="session")
def foreign_ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of an authority that has nothing to do with the realm."""
    folder = tmp_path_factory.mktemp("authority")
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Foreign", "-days", "1"]
    subprocess.run([*argv, "-keyout", folder / "key", "-out", folder / "crt"], check=True, capture_output=True)
    return (folder / "crt").read_text()


@pytest.fixture
def foreign_server(tmp_path: Path) -> Iterator[str]:
    """The address of a web server whose authority nobody here knows."""
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Foreign", "-days", "1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{tmp_path}/key", "-out", f"{tmp_path}/crt"]
    subprocess.run([*argv, *names], check=True, capture_output=True)
    tls = SSLContext(PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    with web(tls) as receiver:
        yield receiver.url


@pytest.fixture
async def context(lab: Lab, ca: str) -> AsyncIterator[Callable[..., KeptContext]]:
    """Make a context for an installation of the lab's replica, with the given options."""
    async with AsyncExitStack() as stack:

        def make(realm: Mapping[str, Any] | None = None, **options: Any) -> KeptContext:
            facts = {
                "name": "EXAMPLE.COM",
                "domain": "example.com",
                "suffix": "dc=example,dc=com",
                "backend": "native",
                "dns": True,
                "ca_certificate": ca,
                **(realm or {}),
            }
            master, replica = (endpoint(host) for host in lab.hosts[:2])
            made = KeptContext(Job("install", RealmFacts(**facts), master, replica, Options(**options)), lab, stack)
            checked: Context = made
            assert checked is made
            return made

        yield make

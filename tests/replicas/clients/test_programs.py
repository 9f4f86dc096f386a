"""Finding a host's Python: on hosts like those of RHEL 8, whose only one may be /usr/libexec/platform-python."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab import Host as LabHost
from lab import Lab
from replicas.backends.freeipa.opening import interpreter
from replicas.clients import detached, ssh
from replicas.clients.programs import SYSTEM, launch
from replicas.errors import StepError
from replicas.lifecycle.steps.connection_check import ConnectionCheck
from tests import pythons
from tests.detaching import command
from tests.replicas.hostside.test_unpack import HOST, PASSWORD, PATH, TARGET, sealed
from tests.replicas.steps.kept import KeptContext, endpoint

pytestmark = pytest.mark.hosts

USUAL = "usr/bin/python3"
NONE = rf"ipareplica\.example\.com has neither python3 nor {SYSTEM} of Python 3\.6 or newer"
TELL = "import sys; print(sys.version_info[:2] == (3, 6), sys.getfilesystemencoding().lower(), sys.argv[1])"
__all__ = ["sealed"]


@contextmanager
def without_python3(host: LabHost) -> Iterator[None]:
    """As RHEL 8 may be: no python3 on the PATH, whatever else is there."""
    usual, away = host.root / USUAL, host.root / "root/away"
    os.rename(usual, away)
    try:
        yield
    finally:
        (host.root / SYSTEM[1:]).unlink(missing_ok=True)
        os.rename(away, usual)


@pytest.fixture
def bare(lab: Lab) -> Iterator[LabHost]:
    with without_python3(lab.hosts[1]):
        yield lab.hosts[1]


def put(host: LabHost, link: str) -> None:
    path = host.root / SYSTEM[1:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(link)


@pytest.fixture(params=["3.11", pythons.OLDEST])
def platform(bare: LabHost, request: pytest.FixtureRequest) -> Iterator[str]:
    """The version of the host's only Python: its own one, by that name, or one of this machine in the place of it."""
    if request.param != pythons.OLDEST:
        put(bare, "/usr/bin/python3.11")
        yield request.param
        return
    found = Path(pythons.need(request.param)).resolve()
    prefix = found.parents[1]
    there = bare.root / prefix.relative_to("/")
    shutil.copytree(prefix, there, symlinks=True, ignore=shutil.ignore_patterns("test", "site-packages", "__pycache__"))
    put(bare, str(found))
    yield request.param
    shutil.rmtree(there)


async def test_programs_run_on_the_hosts_only_python(platform: str, replica: ssh.Host) -> None:
    assert (await replica.run("which", "python3", check=False)).status
    assert (await replica.run(SYSTEM, "-c", TELL, "")).text.startswith(f"{platform == pythons.OLDEST} ")
    assert (await replica.python("addresses", {}))["fqdn"] == HOST
    try:
        assert await replica.write("/root/Schlüssel", b"one\0", mode=0o640)
        assert not await replica.write("/root/Schlüssel", b"one\0", mode=0o640)
        assert await replica.read("/root/Schlüssel") == b"one\0"
    finally:
        await replica.remove("/root/Schlüssel")


async def test_the_connection_check_runs_there(
    platform: str, context: Callable[..., KeptContext], foreign_ca: str
) -> None:
    """Probes from there, listeners there, and a ticket."""
    made = context(setup_dns=True)
    await ConnectionCheck().run(made)
    assert "Connection check OK" in made.text
    with pytest.raises(StepError, match=r"389 \(TCP\), 636 \(TCP\), 443 \(TCP\)") as caught:
        await ConnectionCheck().run(context({"ca_certificate": foreign_ca}))
    assert "certificate is not trusted" in caught.value.remedy


async def test_bundles_are_opened_there(platform: str, replica: ssh.Host, sealed: bytes) -> None:
    await replica.run("mkdir", "-p", "/var/lib/ipa")
    await replica.write(PATH, sealed)
    payload = {"path": PATH, "passphrase": PASSWORD, "target": TARGET, "host": HOST}
    try:
        assert (await replica.python("unpack", payload))["members"] == ["realm_info", "ca.crt"]
        assert await replica.read(f"{TARGET}/ca.crt") == b"pem"
    finally:
        await replica.run("rm", "-rf", TARGET, PATH)


async def test_commands_are_followed_there_and_have_utf8(platform: str, replica: ssh.Host) -> None:
    """FreeIPA's programs refuse any other encoding of the system."""
    seen: list[str] = []
    argv = [SYSTEM, "-I", "-c", f"{TELL}; sys.exit(7)", "ä"]
    try:
        assert await command(replica, "portal-test", argv, lambda text, _: seen.append(text)) == 7
    finally:
        await detached.clean(replica, "portal-test")
    assert "".join(seen) == f"{platform == pythons.OLDEST} utf-8 ä\n"


async def test_the_installer_keeps_its_own_interpreter(replica: ssh.Host) -> None:
    await replica.write("/root/ipa-client-install", f"#!{SYSTEM} -I\n")
    try:
        assert await interpreter(replica, "/root/ipa-client-install") == SYSTEM
    finally:
        await replica.remove("/root/ipa-client-install")
    assert launch("freeipa_enrol", {}, SYSTEM)[0][:3] == (SYSTEM, "-I", "-c")


async def refused(host: ssh.Host) -> None:
    for _ in range(2):
        with pytest.raises(StepError, match=NONE) as caught:
            await host.python("addresses", {})
        assert caught.value.remedy == "Install python3 on ipareplica.example.com."
    with pytest.raises(StepError, match=NONE):
        async with host.stream("follow", {"unit": "portal-test", "path": "/nonexistent", "offset": 0}) as lines:
            await anext(aiter(lines))


async def test_a_host_without_python_is_told(bare: LabHost, replica: ssh.Host) -> None:
    await refused(replica)
    put(bare, "/usr/bin/python3.11")
    assert (await replica.python("addresses", {}))["fqdn"] == HOST


async def test_a_platform_python_that_is_too_old_is_none(bare: LabHost, replica: ssh.Host) -> None:
    """Python 2 is what that path is on RHEL 7: it says no, as this does to every question."""
    put(bare, "/usr/bin/false")
    await refused(replica)


@asynccontextmanager
async def counted(host: ssh.Host, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """The commands that are sent to the host meanwhile."""
    sent: list[str] = []
    connection = host._connection
    create = connection.create_process

    async def noted(*words: Any, **options: Any) -> asyncssh.SSHClientProcess[bytes]:
        sent.append(words[0])
        return await create(*words, **options)

    with monkeypatch.context() as patch:
        patch.setattr(connection, "create_process", noted)
        yield sent


async def test_it_costs_no_round_trip(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key) as host:
        async with counted(host, monkeypatch) as sent:
            await host.python("addresses", {})
        assert len(sent) == 1
        with without_python3(lab.hosts[1]):
            put(lab.hosts[1], "/usr/bin/python3.11")
            async with counted(host, monkeypatch) as sent:
                await host.python("addresses", {})
            assert len(sent) == 1

"""Whether something half made is in the way: on a real host, with what FreeIPA 4.9.11 was recorded to say of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from replicas.backends.freeipa import access
from replicas.backends.freeipa.checks import CLAIM, CLIENT, SERVER_STATE
from replicas.backends.freeipa.steps import clear
from replicas.clients import ssh
from tests.replicas.backends.freeipa.recording import renamed
from tests.replicas.clients.freeipa.conftest import Server, folder, recorded, recorded_ca
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
__all__ = ["folder", "recorded", "recorded_ca"]
UNIT = "replica-portal-0123456789ab-replica-promote"


@pytest.fixture
async def host(replica: ssh.Host) -> AsyncIterator[ssh.Host]:
    """Half installed; as before afterwards."""
    for path in (SERVER_STATE, CLIENT):
        await replica.run("mkdir", "-p", path.rpartition("/")[0])
        await replica.write(path, "")
    yield replica
    await replica.remove(SERVER_STATE, CLIENT)
    await replica.run("rmdir", "-p", "/var/lib/ipa/sysrestore", "/etc/ipa", check=False)


@pytest.fixture
def made(
    context: Callable[..., KeptContext], recorded: Server, lab: object, monkeypatch: pytest.MonkeyPatch
) -> KeptContext:
    monkeypatch.setattr(access, "HTTPS", recorded.port)
    made = context({"backend": "freeipa", "ca_certificate": recorded.ca})
    made.job = replace(made.job, master=replace(made.job.master, hostname=recorded.name, address="127.0.0.1"))
    monkeypatch.setattr(made, "secret", lambda name: recorded.password)
    made.facts[CLAIM] = True
    return made


def knows(recorded: Server, role: str) -> None:
    """The realm has the replica among its servers, with that role."""
    recorded.expect("login_ok")
    renamed(recorded, "server_show", ipaserver="ipareplica")
    assert recorded.replay
    said = json.dumps(recorded.replay.armed[-1]["response"])
    recorded.replay.armed[-1]["response"] = json.loads(said.replace('["IPA master"]', role))


async def test_a_server_that_the_realm_does_not_use_is_half_made(
    made: KeptContext, recorded: Server, host: ssh.Host
) -> None:
    knows(recorded, "[]")
    assert not await clear.ClearInterrupted().done(made)


async def test_a_server_that_serves_is_whole(made: KeptContext, recorded: Server, host: ssh.Host) -> None:
    knows(recorded, '["IPA master"]')
    assert await clear.ClearInterrupted().done(made)


async def test_a_client_whose_key_the_realm_does_not_know_is_half_made(
    made: KeptContext, recorded: Server, host: ssh.Host
) -> None:
    await host.remove(SERVER_STATE)
    recorded.expect("login_ok")
    renamed(recorded, "host_show", replica2="ipareplica")
    assert not await clear.ClearInterrupted().done(made)


async def test_an_installer_at_work_is_left_alone(made: KeptContext, recorded: Server, host: ssh.Host) -> None:
    await host.run("systemd-run", "--quiet", f"--unit={UNIT}", "sleep", "600")
    try:
        assert await clear.ClearInterrupted().done(made)
    finally:
        await host.run("systemctl", "stop", UNIT)


async def test_what_is_no_work_of_this_run_is_left_alone(made: KeptContext, recorded: Server, host: ssh.Host) -> None:
    del made.facts[CLAIM]
    assert await clear.ClearInterrupted().done(made)

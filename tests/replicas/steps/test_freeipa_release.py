"""Releases that do not go together: a real host with a program that says a version, a recorded realm of 4.9.11."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from replicas.backends.freeipa import access, compatible
from replicas.clients import ssh
from replicas.errors import StepError
from tests.replicas.clients.freeipa.conftest import Server, folder, recorded, recorded_ca
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
__all__ = ["folder", "recorded", "recorded_ca"]
PATH = f"/usr/sbin/{compatible.PROGRAM}"


@pytest.fixture
async def host(replica: ssh.Host) -> AsyncIterator[ssh.Host]:
    yield replica
    await replica.remove(PATH)


@pytest.fixture
def made(
    context: Callable[..., KeptContext], recorded: Server, lab: object, monkeypatch: pytest.MonkeyPatch
) -> KeptContext:
    monkeypatch.setattr(access, "HTTPS", recorded.port)
    made = context({"backend": "freeipa", "ca_certificate": recorded.ca})
    made.job = replace(made.job, master=replace(made.job.master, hostname=recorded.name, address="127.0.0.1"))
    monkeypatch.setattr(made, "secret", lambda name: recorded.password)
    recorded.expect("login_ok", "env")
    return made


async def says(host: ssh.Host, version: str) -> None:
    await host.write(PATH, f"#!/bin/sh\necho {version}\n", 0o755)


@pytest.mark.parametrize("version", ["4.9.11", "4.12.4", "4.10.0-6.el9"])
async def test_the_same_or_a_newer_release_is_good(made: KeptContext, host: ssh.Host, version: str) -> None:
    await says(host, version)
    assert await compatible.releases(made) == f"{host.name} has FreeIPA {version}, ipaserver.example.com 4.9.11"


async def test_an_older_release_is_refused(made: KeptContext, host: ssh.Host) -> None:
    await says(host, "4.9.8-7.el8")
    with pytest.raises(StepError, match=r"FreeIPA 4\.9\.8-7\.el8, which is older than 4\.9\.11") as caught:
        await compatible.releases(made)
    assert "Update ipareplica.example.com" in caught.value.remedy


async def test_fips_on_one_side_alone_is_refused(made: KeptContext, host: ssh.Host, recorded: Server) -> None:
    await says(host, "4.9.11")
    assert recorded.replay
    answer = copy.deepcopy(recorded.replay.armed[-1])
    answer["response"]["body"]["result"]["result"]["fips_mode"] = True
    recorded.replay.armed[-1] = answer
    with pytest.raises(
        StepError, match=r"ipaserver\.example\.com is in FIPS mode, and ipareplica\.example\.com is not"
    ):
        await compatible.releases(made)


async def test_a_host_without_the_installer_is_judged_elsewhere(made: KeptContext, host: ssh.Host) -> None:
    assert await compatible.releases(made) == f"{host.name} does not say which FreeIPA it has"

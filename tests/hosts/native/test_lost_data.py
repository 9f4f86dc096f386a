"""A replica that lost what it had received has a database of its own, and no server sends changes to that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lab import Host, Lab
from replicas.backends.native.steps import initialize
from replicas.backends.registry import get
from replicas.errors import DirectoryError, PortalError
from replicas.lifecycle.base import Step
from replicas.lifecycle.job import JSON, Job
from tests.hosts.native.conftest import job
from tests.hosts.native.driver import Driver

pytestmark = pytest.mark.hosts
Drive = Callable[[Lab, Job], Driver]
LOST = "ipareplica.example.com lost what it had received, as after a power cut. Everything is sent again."


async def prepared(hosts: Lab, drive: Drive) -> tuple[Driver, tuple[Step, ...]]:
    """Return a replica that is ready to be initialized, and the steps from there."""
    wanted = job(hosts, "ipareplica")
    driver, steps = drive(hosts, wanted), get("native").steps(wanted)
    at = [step.key for step in steps].index("initialize")
    await driver.run(steps[:at])
    return driver, tuple(steps[at:])


def cut_power(replica: Host) -> None:
    replica.cut_power()
    replica.boot()
    replica.wait()


async def test_the_power_fails_right_after_the_directory_was_sent(
    hosts: Lab, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, steps = await prepared(hosts, drive)
    keep = driver.fact

    async def fact(key: str, value: JSON) -> None:
        await keep(key, value)
        if key == initialize.SENT:
            await asyncio.to_thread(cut_power, hosts.host("ipareplica"))

    with monkeypatch.context() as patch:
        patch.setattr(driver, "fact", fact)
        with pytest.raises(PortalError) as caught:
            await steps[0].run(driver)
    assert caught.value.retryable
    await driver.close()
    await driver.run(steps)
    assert LOST in driver.lines
    assert driver.facts["proofs"]


async def test_a_database_that_was_loaded_anew(hosts: Lab, drive: Drive) -> None:
    """The proof names the cause at once, and whoever begins again sends everything again."""
    driver, steps = await prepared(hosts, drive)
    at = [step.key for step in steps].index("prove-service")
    await driver.run(steps[:at])
    load_again(hosts.host("ipareplica"))
    told = r"Replication from ipaserver\.example\.com to ipareplica\.example\.com has stopped: .*generation"
    with pytest.raises(DirectoryError, match=told) as caught:
        await steps[at].run(driver)
    assert "everything is sent to it again" in caught.value.remedy
    await driver.run(steps)
    assert LOST in driver.lines
    assert driver.facts["proofs"]


def load_again(replica: Host) -> None:
    """Load the directory from a file without what replication knows of it."""
    file = "/var/lib/dirsrv/slapd-EXAMPLE-COM/ldif/again.ldif"
    replica.run(["dsctl", "EXAMPLE-COM", "stop"])
    for command in ("db2ldif", "ldif2db"):
        replica.run(["dsctl", "EXAMPLE-COM", command, "userroot", file], timeout=120)
    replica.run(["dsctl", "EXAMPLE-COM", "start"], timeout=120)

"""A realm without DNS, and what drives plans on hosts."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from lab import Host, Lab, check
from replicas.lifecycle.job import Job, Options
from tests.hosts.native.driver import Driver, driver_for, job_for

USERS = 25


@pytest.fixture(scope="module")
def plain_realm() -> Iterator[Lab]:
    if obstacle := check.missing():
        pytest.skip(obstacle)
    made = Lab("native-plain")
    made.down()
    try:
        made.up(replicas=1, users=USERS, dns=False)
        yield made
    finally:
        made.down()


@pytest.fixture
async def drive() -> AsyncIterator[Callable[[Lab, Job], Driver]]:
    """Make a driver whose connections are closed afterwards."""
    made: list[Driver] = []

    def make(lab: Lab, job: Job) -> Driver:
        made.append(driver_for(lab, job))
        return made[-1]

    yield make
    for driver in made:
        await driver.close()


def options(host: Host, **more: object) -> Options:
    return Options(ip_addresses=(str(host.address), str(host.address6)), **more)  # type: ignore[arg-type]


def job(lab: Lab, name: str, **more: object) -> Job:
    return job_for(lab, name, options(lab.host(name), **more))


def ask(host: Host, *argv: str, input: bytes | None = None) -> str:
    """What a program on a host prints, on both its outputs."""
    done: subprocess.CompletedProcess[bytes] = host.run(argv, input=input, check=False)
    return (done.stdout + done.stderr).decode()

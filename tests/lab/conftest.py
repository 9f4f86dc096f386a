"""The lab that all tests of this folder share."""

from collections.abc import Iterator

import pytest

from lab import Host, Lab, check


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A master with name server and one blank host."""
    obstacle = check.missing()
    if obstacle:
        pytest.skip(obstacle)
    lab = Lab("test")
    lab.down()
    lab.up(replicas=1, users=25, dns=True)
    yield lab
    lab.down()


@pytest.fixture
def master(lab: Lab) -> Host:
    return lab.master


@pytest.fixture
def blank(lab: Lab) -> Iterator[Host]:
    """A blank host, made fresh again afterwards."""
    host = lab.host("ipareplica.example.com")
    yield host
    lab.reset(host)

"""Hosts of the lab, by their part."""

from collections.abc import Iterator

import pytest

from lab import Host, Lab


@pytest.fixture
def master(lab: Lab) -> Host:
    return lab.master


@pytest.fixture
def blank(lab: Lab) -> Iterator[Host]:
    """A blank host, made fresh again afterwards."""
    host = lab.host("ipareplica.example.com")
    yield host
    lab.reset(host)

"""The test hosts that all tests share, made once for a session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab import Lab, check


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A master with name server and 25 users, and two blank hosts; whoever changes a host resets it.

    TEST_LAB names another lab, for two sessions at a time.
    """
    if obstacle := check.missing():
        pytest.skip(obstacle)
    lab = Lab(os.environ.get("TEST_LAB", "test"))
    lab.down()
    try:
        lab.up(replicas=2, users=25, dns=True)
        yield lab
    finally:
        lab.down()

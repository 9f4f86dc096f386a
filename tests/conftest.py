"""What all tests share: the test hosts, made once for a session, and databases that can be emptied."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import hypothesis
import pytest
from django.contrib.auth.models import Group
from django.db.backends.postgresql.creation import DatabaseCreation
from django.test import TransactionTestCase

from lab import Lab, check
from replicas.choices import Role
from tests import database

# A busy machine is no finding.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")
DATABASE = {"db", "transactional_db"}
"""The fixtures of those that use it."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses the database has the mark `database`: the rest shows nothing new on another one."""
    for item in items:
        if item.get_closest_marker("django_db") or DATABASE & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.fixture(scope="session", autouse=True)
def history_gives_way() -> Iterator[None]:
    """After a test with committed rows Django empties every table, which the history's guards refuse.

    The roles' groups, which a migration made, are there again for the tests that follow.
    """
    empty = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def unguarded(case: TransactionTestCase) -> None:
        with database.unguarded():
            empty(case)
        Group.objects.bulk_create(Group(name=role) for role in Role)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", unguarded)
        yield


@pytest.fixture(scope="session", autouse=True)
def databases_are_dropped() -> Iterator[None]:
    """At the end the pool may be making one more connection, for which PostgreSQL would keep the database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseCreation, "_destroy_test_db", database.drop)
        yield


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A master with name server and 25 users, and two blank hosts; whoever changes a host resets it.

    TEST_LAB names another lab, for two sessions at a time.
    """
    with made(os.environ.get("TEST_LAB", "test"), replicas=2) as lab:
        yield lab


@contextmanager
def made(name: str, replicas: int) -> Iterator[Lab]:
    """Skips the test where no hosts can be made."""
    if obstacle := check.missing():
        pytest.skip(obstacle)
    lab = Lab(name)
    lab.down()
    try:
        lab.up(replicas=replicas, users=25, dns=True)
        yield lab
    finally:
        lab.down()

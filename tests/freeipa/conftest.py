"""A portal and a realm of FreeIPA itself, on own hosts, where TEST_FREEIPA asks for it (docs/freeipa-realm.md)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from lab import LabError, check
from lab.command import Unavailable
from lab.freeipa import FreeIpaLab
from tests.faults.workers import use_hosts
from tests.hosts.conftest import Portal, portal  # a fixture
from tests.replicas.lifecycle.conftest import worker_data  # a fixture
from tests.replicas.lifecycle.processes import Workers

__all__ = ["portal", "worker_data"]


def require_lab() -> None:
    """Skip, with the reason, where FreeIPA hosts are not requested or cannot be made."""
    if not os.environ.get("TEST_FREEIPA"):
        pytest.skip("TEST_FREEIPA is not set: script/freeipa builds FreeIPA and runs these tests")
    if obstacle := check.missing():
        pytest.skip(obstacle)


def started(lab: FreeIpaLab, replicas: int = 2) -> Iterator[FreeIpaLab]:
    """Start that lab: a server, and hosts with its installers. Skip where the archive lacks what it is built from."""
    lab.down()
    try:
        lab.up(replicas=replicas)
    except Unavailable as error:
        lab.down()
        pytest.skip(f"FreeIPA cannot be built here: {error}")
    except LabError:
        lab.down()
        raise
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def realm() -> Iterator[FreeIpaLab]:
    """Without authority and name service of its own; it ends before the next module may begin another one."""
    require_lab()
    yield from started(FreeIpaLab(f"{os.environ.get('TEST_LAB', 'test')}-freeipa"))


@pytest.fixture
def hosts(realm: FreeIpaLab) -> Iterator[FreeIpaLab]:
    """The realm; afterwards every host is as fresh as when it came up."""
    yield realm
    for host in realm.hosts:
        host.unblock()
        realm.reset(host)


@pytest.fixture
def workers(
    portal: Portal, hosts: FreeIpaLab, worker_data: Path, settings: Settings, tmp_path: Path
) -> Iterator[Workers]:
    """Real workers of that portal."""
    given = {
        "database": str(connection.settings_dict["NAME"]),
        "data": str(settings.DATA_DIR),
        "ssh_key": str(settings.SSH_KEY_FILE),
        "keys": str(settings.SECRET_KEYS_FILE),
        "orders": str(tmp_path / "orders"),
    }
    made = Workers(partial(use_hosts, **given))
    yield made
    made.close()

"""Runs on the test database, seen from several threads and processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from replicas.lifecycle import runner
from tests.replicas.lifecycle.processes import Workers, use_twin
from tests.replicas.lifecycle.rows import TWIN


@pytest.fixture
def data(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.DATA_DIR = tmp_path
    monkeypatch.setenv("TWIN_WORLD", str(tmp_path / "world"))
    return tmp_path


@pytest.fixture
def rows(transactional_db: None, data: Path) -> None:
    """Committed rows."""


@pytest.fixture
def twin_realm(rows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are executed in this process."""
    for name, value in TWIN.items():
        monkeypatch.setattr(runner, name, value)


@pytest.fixture(scope="session")
def worker_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Queue and lock files of all workers: the process that they are forked from reads the variable once."""
    before = os.environ.get("PORTAL_DATA_DIR")
    os.environ["PORTAL_DATA_DIR"] = str(tmp_path_factory.mktemp("workers"))
    yield Path(os.environ["PORTAL_DATA_DIR"])
    if before is None:
        del os.environ["PORTAL_DATA_DIR"]
    else:
        os.environ["PORTAL_DATA_DIR"] = before


@pytest.fixture
def workers(rows: None, worker_data: Path, data: Path) -> Iterator[Workers]:
    started = Workers(partial(use_twin, str(connection.settings_dict["NAME"]), str(data / "world")))
    yield started
    started.close()

"""A portal with real workers on real hosts, made to be killed, cut and filled.

FAULT_SEED chooses other moments, FAULT_ROUNDS repeats what is done at chance moments, FAULTS_MAY_SKIP leaves out what
cannot be done on this machine (docs/faults.md).
"""

from __future__ import annotations

import os
import random
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from lab import Lab
from tests.conftest import made
from tests.faults.hosts import Baseline, HostSite
from tests.faults.table import TABLE, Table
from tests.faults.workers import use_hosts
from tests.hosts.conftest import Portal, hosts, portal  # fixtures
from tests.replicas.lifecycle.conftest import worker_data  # a fixture
from tests.replicas.lifecycle.processes import Workers

__all__ = ["hosts", "portal", "worker_data"]
REPORT = Path(__file__).parents[2] / "var" / "faults.txt"
SEED = int(os.environ.get("FAULT_SEED", "1"))
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
MAY_SKIP = bool(os.environ.get("FAULTS_MAY_SKIP"))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One with a single blank host: to boot and to count a second one would take more time than some of the faults."""
    with made(f"{os.environ.get('TEST_LAB', 'test')}-faults", replicas=1) as lab:
        yield lab


@pytest.fixture(scope="session")
def faults_table() -> Table:
    return TABLE


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> random.Random:
    """Where chance has a say; the same in every run with the same FAULT_SEED."""
    return random.Random(f"{SEED} {request.node.name}")  # noqa: S311 - not for secrets


@pytest.fixture
def site(
    portal: Portal, hosts: Lab, worker_data: Path, faults_table: Table, tmp_path: Path, settings: Settings
) -> Iterator[HostSite]:
    given = {
        "database": str(connection.settings_dict["NAME"]),
        "data": str(settings.DATA_DIR),
        "ssh_key": str(settings.SSH_KEY_FILE),
        "keys": str(settings.SECRET_KEYS_FILE),
        "orders": str(tmp_path / "orders"),
    }
    workers = Workers(partial(use_hosts, **given))
    yield HostSite(portal, hosts, workers, faults_table, tmp_path / "orders")
    workers.close()


BASELINES: list[Baseline] = []


@pytest.fixture
def undisturbed(site: HostSite) -> Baseline:
    """What an installation leaves behind that nothing happens to; made once, on hosts that are then made fresh."""
    if not BASELINES:
        BASELINES.append(site.baseline())
    return BASELINES[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What cannot be done here is not shown, so it fails; and no row says what its test did not prove."""
    report = yield
    if report.skipped and not MAY_SKIP:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{why} (FAULTS_MAY_SKIP=1 skips what cannot be done here)"
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        TABLE.settle(item.name, " ".join(str(crash.message if crash else report.longrepr).split()))
    elif report.when == "teardown":
        TABLE.settle(item.name)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TABLE.rows:
        terminalreporter.section(f"faults (FAULT_SEED={SEED})")
        terminalreporter.write_line(TABLE.text())
        TABLE.save(REPORT)

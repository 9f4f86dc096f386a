"""The table of faults, after the tests."""

from __future__ import annotations

import pytest

from tests.faults import table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if table.ROWS:
        terminalreporter.section("fault, step, outcome, seconds to recover")
        terminalreporter.write_line("\n".join(table.lines()))

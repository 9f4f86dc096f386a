"""The table says of a test what it proved, not what it hoped for."""

from __future__ import annotations

from tests.faults.table import Table


def outcomes(table: Table) -> list[str]:
    return [row.outcome for row in table.rows]


def test_a_row_is_what_its_test_says_once_it_has_ended() -> None:
    table = Table()
    table.add("worker killed", "one", "verified", 0.5)
    table.settle("test_good")
    table.add("worker killed", "two", "verified", 0.6)
    assert outcomes(table) == ["verified", "FAILED"], "a test that was broken off proved nothing"
    table.settle("test_bad", "a line is missing")
    table.settle("test_bad")  # its teardown
    assert outcomes(table) == ["verified", "FAILED", "FAILED: a line is missing"]
    assert "3 rows, 2 of them failed; recovery took 0.60 s at most" in table.text()

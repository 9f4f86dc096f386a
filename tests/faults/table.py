"""What every fault came to: one row a test, printed at the end of `pytest tests/faults`."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One fault and how the run got over it; seconds from the moment when the cause was gone."""

    fault: str
    step: str
    outcome: str
    seconds: float


ROWS: list[Row] = []


def record(fault: str, step: str, outcome: str, seconds: float) -> None:
    ROWS.append(Row(fault, step, outcome, seconds))


def lines() -> list[str]:
    widths = [max(len(str(row[column])) for row in ROWS) for column in range(3)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row[:3], widths, strict=True)) + f"  {row.seconds:6.1f} s"
        for row in ROWS
    ]

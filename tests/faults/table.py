"""What was done to a run, and what became of it: the rows that are printed when all is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

WIDEST = 110
FAILED = "FAILED"
HEADINGS = ("fault", "step", "outcome", "seconds to recover")


class Row(NamedTuple):
    """`seconds`: until the run was worked on again; None where nothing had to be taken up."""

    fault: str
    step: str
    outcome: str
    seconds: float | None

    def cells(self) -> tuple[str, ...]:
        outcome = self.outcome if len(self.outcome) <= WIDEST else f"{self.outcome[: WIDEST - 1]}…"
        return (self.fault, self.step, outcome, "" if self.seconds is None else f"{self.seconds:.2f}")


@dataclass
class Table:
    """Filled by tests, also by those that fail: what they expected counts when they have ended well, not before."""

    settled: list[Row] = field(default_factory=list)
    claimed: list[Row] = field(default_factory=list)
    """By the test that runs."""

    def add(self, fault: str, step: str, outcome: str, seconds: float | None = None) -> None:
        self.claimed.append(Row(fault, step, outcome, seconds))

    def settle(self, test: str, error: str = "") -> None:
        """The test has ended, with an error or without."""
        if error:
            self.settled += [row._replace(outcome=FAILED) for row in self.claimed]
            self.settled.append(Row(test, "", f"{FAILED}: {error}", None))
        else:
            self.settled += self.claimed
        self.claimed = []

    @property
    def rows(self) -> list[Row]:
        """Those of a test that did not come to its end have failed."""
        return [*self.settled, *(row._replace(outcome=FAILED) for row in self.claimed)]

    def text(self) -> str:
        cells = [HEADINGS, *(row.cells() for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        waits = [row.seconds for row in self.rows if row.seconds is not None]
        failed = sum(row.outcome.startswith(FAILED) for row in self.rows)
        if waits:
            lines.append(f"{len(self.rows)} rows, {failed} of them failed; recovery took {max(waits):.2f} s at most")
        return "\n".join(lines)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text() + "\n")


TABLE = Table()


def record(fault: str, step: str, outcome: str, seconds: float | None) -> None:
    TABLE.add(fault, step, outcome, seconds)

"""The lag of an agreement, from the update vectors of its two ends."""

from __future__ import annotations

import pytest

from replicas.clients.vectors import Changes, behind


def change(seconds: int, number: int = 0) -> str:
    """A change number: time, sequence, replica id, subsequence (389 Directory Server)."""
    return f"{0x6A000000 + seconds:08x}{number:04x}00040000"


FIRST, NOW = change(0), change(90)


@pytest.mark.parametrize(
    ("supplier", "consumer", "seconds"),
    [
        ({}, {}, 0),
        ({4: Changes("", "")}, {}, 0),
        ({4: Changes(FIRST, NOW)}, {4: Changes(FIRST, NOW)}, 0),
        ({4: Changes(FIRST, change(30))}, {4: Changes(FIRST, NOW)}, 0),
        ({4: Changes(FIRST, NOW)}, {4: Changes(FIRST, change(30))}, 60),
        ({4: Changes(FIRST, change(90, 7))}, {4: Changes(FIRST, NOW)}, 1),
        ({4: Changes(FIRST, NOW)}, {4: Changes("", "")}, 90),
        ({4: Changes(FIRST, NOW)}, {}, 90),
        ({4: Changes(FIRST, FIRST)}, {}, 1),
        ({4: Changes(FIRST, NOW), 5: Changes(FIRST, NOW)}, {4: Changes(FIRST, NOW), 5: Changes(FIRST, FIRST)}, 90),
    ],
)
def test_lag_is_that_of_the_supplier_of_whom_most_is_missing(
    supplier: dict[int, Changes], consumer: dict[int, Changes], seconds: float
) -> None:
    assert behind(supplier, consumer) == seconds

"""Maintenance windows, in a zone with summer time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from replicas.lifecycle.windows import check, is_open, next_opening, opening

BERLIN = "Europe/Berlin"


def berlin(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    """In November 2026 the second is a Monday."""
    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(BERLIN))


@pytest.mark.parametrize("line", ["Mon 22:00-04:00", "Mon-Fri 22:00-04:00", "Sat,Sun 00:00-24:00", "Fri-Mon 1:00-2:00"])
def test_only_lines_that_name_a_time(line: str) -> None:
    if " 1:00" in line:
        with pytest.raises(ValueError, match="Fri"):
            check(line)
    else:
        assert check(f"  {line.replace(' ', '   ')} ") == line


@pytest.mark.parametrize(
    "line",
    ["", "22:00-04:00", "Mon", "mon 22:00-04:00", "Mon 24:00-25:00", "Mon 22:60-23:00", "Mon-Tue-Wed 01:00-02:00"],
)
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the line itself is the message
        check(line)


@pytest.mark.parametrize(
    ("line", "moment", "expected"),
    [
        ("Mon-Fri 22:00-04:00", berlin(2, 21, 59), False),
        ("Mon-Fri 22:00-04:00", berlin(2, 22), True),
        ("Mon-Fri 22:00-04:00", berlin(3, 3, 59), True),
        ("Mon-Fri 22:00-04:00", berlin(3, 4), False),
        ("Mon-Fri 22:00-04:00", berlin(7, 3), True),  # Saturday morning belongs to Friday
        ("Mon-Fri 22:00-04:00", berlin(7, 23), False),
        ("Sat,Sun 00:00-24:00", berlin(8, 23, 59), True),
        ("Sat,Sun 00:00-24:00", berlin(9, 0), False),
        ("Fri-Mon 10:00-11:00", berlin(2, 10, 30), True),
        ("Fri-Mon 10:00-11:00", berlin(3, 10, 30), False),
    ],
)
def test_open_or_not(line: str, moment: datetime, expected: bool) -> None:
    assert is_open([line], BERLIN, moment) is expected
    assert is_open([line], BERLIN, moment.astimezone(UTC)) is expected


def test_without_windows_it_is_always_open() -> None:
    assert is_open([], BERLIN, berlin(2, 12))
    assert next_opening([], BERLIN, berlin(2, 12)) is None


def test_the_next_one_of_several_opens_first() -> None:
    lines = ["Wed 20:00-22:00", "Sat,Sun 00:00-24:00"]
    assert next_opening(lines, BERLIN, berlin(2, 12)) == berlin(4, 20)
    assert next_opening(lines, BERLIN, berlin(4, 23)) == berlin(7, 0)
    assert next_opening(lines, BERLIN, berlin(8, 12)) is None
    assert next_opening(["Mon 01:00-02:00"], BERLIN, berlin(2, 3)) == berlin(9, 1)


def test_when_the_open_one_opened() -> None:
    lines = ["Mon-Fri 22:00-04:00", "Tue 01:00-03:00"]
    assert opening(lines, BERLIN, berlin(3, 2)) == berlin(2, 22)
    assert opening(lines, BERLIN, berlin(3, 4)) == next_opening(lines, BERLIN, berlin(3, 4)) == berlin(3, 22)
    assert opening([], BERLIN, berlin(3, 4)) is None


def test_summer_time_moves_them() -> None:
    """Clocks go forward on the 29th of March 2026, at two in the morning."""
    assert next_opening(["Sun 12:00-13:00"], BERLIN, berlin(28, 20, month=3)) == datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert next_opening(["Sat 12:00-13:00"], BERLIN, berlin(27, 20, month=3)) == datetime(2026, 3, 28, 11, tzinfo=UTC)
    assert is_open(["Sat 22:00-04:00"], BERLIN, datetime(2026, 3, 29, 1, 59, tzinfo=UTC))
    assert not is_open(["Sat 22:00-04:00"], BERLIN, datetime(2026, 3, 29, 2, 0, tzinfo=UTC))

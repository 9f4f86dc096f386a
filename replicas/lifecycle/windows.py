"""Maintenance windows: the times of the week in which a run may begin.

A window is a line such as `Mon-Fri 22:00-04:00` or `Sat,Sun 00:00-24:00`; one that ends before it begins goes on into
the next day. Times are those of a zone, so that they move with its summer time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = rf"(?:{'|'.join(DAYS)})"
_LINE = re.compile(rf"({_DAY}(?:[-,]{_DAY})*) ([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def check(line: str) -> str:
    """The line as it is stored. Raises ValueError for one that names no time."""
    text = " ".join(line.split())
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(line)
    list(_days(found[1]))
    return text


def is_open(lines: Sequence[str], zone: str, now: datetime) -> bool:
    """Whether a run may begin now; always, when there are no windows."""
    return not lines or any(start <= now < end for start, end in _around(lines, zone, now))


def next_opening(lines: Sequence[str], zone: str, now: datetime) -> datetime | None:
    """When the next window opens; None when one is open or there are none."""
    if is_open(lines, zone, now):
        return None
    return min(start for start, _ in _around(lines, zone, now) if start > now)


def opening(lines: Sequence[str], zone: str, now: datetime) -> datetime | None:
    """When the window opened that is open now, or when the next one opens; None when there are none."""
    began = [start for start, end in _around(lines, zone, now) if start <= now < end]
    return min(began) if began else next_opening(lines, zone, now)


def _around(lines: Iterable[str], zone: str, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every window from yesterday to the same day of the next week, as moments."""
    today = now.astimezone(ZoneInfo(zone)).date()
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(line)
        days = set(_days(found[1]))
        for ahead in range(-1, 9):
            day = today + timedelta(days=ahead)
            if day.weekday() in days:
                midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
                start = midnight.replace(hour=int(found[2]), minute=int(found[3]))
                whole = found[4] is None
                end = midnight if whole else midnight.replace(hour=int(found[4]), minute=int(found[5]))
                if whole or end <= start:
                    end += timedelta(days=1)  # of the calendar: the hour stays when clocks change
                # As moments: two times of one zone are compared without their offsets otherwise.
                yield start.astimezone(ZoneInfo("UTC")), end.astimezone(ZoneInfo("UTC"))


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        if "-" in last:
            raise ValueError(text)
        begin, end = DAYS.index(first), DAYS.index(last or first)
        yield from (day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))

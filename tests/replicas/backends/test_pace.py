"""Whether an initialization still moves."""

from __future__ import annotations

from replicas.backends.native.steps.initialize import Pace


def moved(*sent: tuple[float, int]) -> float:
    pace = Pace(0.0)
    for at, count in sent:
        pace.note(count, at)
    return pace.moved


def test_entries_that_arrive_are_movement() -> None:
    assert moved(*((second, 400 * second) for second in range(61))) == 60


def test_a_slow_line_still_moves() -> None:
    assert moved(*((second / 2, 2 * second) for second in range(121))) == 60


def test_a_master_that_only_tries_again_is_none() -> None:
    assert moved(*((second, 2 * second) for second in range(61))) == 0


def test_everything_at_once_and_then_nothing() -> None:
    assert moved((0.1, 66), (5.0, 66), (10.0, 66), (60.0, 66)) == 5

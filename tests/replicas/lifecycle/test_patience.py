"""When a step that lost its connection is given up."""

from __future__ import annotations

import time

import pytest
from pytest_django import Settings

from replicas.lifecycle.patience import Patience


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[float]:
    settings.RECONNECT_SECONDS = 60
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_the_time_begins_anew_only_when_something_new_was_reached(clock: list[float]) -> None:
    reached = {"unit a": 10, "fact b": 1}
    patience = Patience(lambda: reached)
    assert patience.pause() == 0.5
    assert patience.pause() == 1
    clock[0] += 59
    reached["unit a"] = 5  # a command that was started anew
    assert patience.pause() is None
    reached["unit a"] = 10
    assert patience.pause() is None
    reached["unit a"] = 11
    assert patience.pause() == 0.5
    reached["fact c"] = 1
    clock[0] += 3600
    assert patience.pause() == 0.5
    clock[0] += 61
    assert patience.pause() is None

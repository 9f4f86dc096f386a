"""How long a step is tried again that lost a connection."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping

from django.conf import settings

PAUSES = (0.5, 1, 2, 4)
"""Seconds between tries; the last one again and again."""


class Patience:
    """RECONNECT_SECONDS from the first error, and from the first one after the step has got further than ever before.

    `milestones` says how far the step is, by names; a try that only does again what was done before gains nothing.
    """

    def __init__(self, milestones: Callable[[], Mapping[str, int]]) -> None:
        self._milestones, self._best = milestones, dict(milestones())
        self._end: float | None = None
        self._pauses = _pauses()

    def pause(self) -> float | None:
        """After an error: how long to wait before the next try; None when there is to be none."""
        now = self._milestones()
        if any(value > self._best.get(name, -1) for name, value in now.items()):
            self._end, self._pauses = None, _pauses()
            self._best |= {name: max(value, self._best.get(name, -1)) for name, value in now.items()}
        self._end = self._end or time.monotonic() + settings.RECONNECT_SECONDS
        pause = next(self._pauses)
        return pause if time.monotonic() + pause <= self._end else None


def _pauses() -> Iterator[float]:
    return itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))

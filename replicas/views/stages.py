"""Steps in the groups that people think in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TypeVar

from django.utils.translation import gettext_lazy as _

T = TypeVar("T")
Stage = tuple[object, list[tuple[int, T]]]

TITLES = {
    "prepare": _("Prepare"),
    "transfer": _("Transfer"),
    "check": _("Check"),
    "install": _("Install"),
    "initialize": _("Initialize"),
    "verify": _("Verify"),
    "remove": _("Remove"),
}


def by_stage(steps: Iterable[T], stage: Callable[[T], str]) -> list[Stage[T]]:
    """Steps in their order, numbered from 1, grouped where the stage changes."""
    numbered = enumerate(steps, 1)
    return [(TITLES[key], list(group)) for key, group in groupby(numbered, lambda item: stage(item[1]))]

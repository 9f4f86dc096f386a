"""Which segment a realm should have next: two to four agreements for each server, and no server that all depends on."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from replicas.backends.freeipa.realm import Segment
from replicas.backends.freeipa.steps.removable import parts

FEWEST, MOST = 2, 4
"""Agreements of one server; the second is FreeIPA's own recommendation."""


def suggest(servers: Iterable[str], segments: Iterable[Segment]) -> tuple[str, str] | None:
    """The two servers of a suffix between which a segment helps most; None when the realm is well connected.

    First what connects parts that are apart, then what connects those that one server alone holds together, then what
    gives a server its second agreement. A server that has four gets no more.
    """
    names, known = sorted(servers), list(segments)
    degrees = {name: sum(one.joins(name) for one in known) for name in names}
    joined = {frozenset((one.left, one.right)) for one in known}
    able = [name for name in names if degrees[name] < MOST]
    free = [pair for pair in combinations(able, 2) if frozenset(pair) not in joined]
    lacking = _apart(names, known) or _dependent(names, known)
    if lacking:
        free = [pair for pair in free if _bridges(pair, lacking)]
    else:
        few = {name for name, degree in degrees.items() if degree < min(FEWEST, len(names) - 1)}
        free = [pair for pair in free if few & {*pair}]
    return min(free, key=lambda pair: (degrees[pair[0]] + degrees[pair[1]], pair), default=None)


def _apart(names: list[str], segments: list[Segment]) -> list[set[str]]:
    """The parts of a realm that is not connected."""
    groups = parts(names, segments)
    return groups if len(groups) > 1 else []


def _dependent(names: list[str], segments: list[Segment]) -> list[set[str]]:
    """The parts into which the realm falls without one server, the first of those on which it depends so."""
    for name in names:
        if found := _apart([one for one in names if one != name], segments):
            return found
    return []


def _bridges(pair: tuple[str, str], groups: list[set[str]]) -> bool:
    homes = [index for index, group in enumerate(groups) for name in pair if name in group]
    return len(homes) == len(pair) and homes[0] != homes[1]

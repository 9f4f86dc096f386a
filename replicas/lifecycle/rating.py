"""How well a realm is, in a few numbers: made once with each look, for the pages that show many realms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replicas.choices import RealmLevel

SOON_DAYS = 30
"""A certificate that has fewer left wants care soon."""
BEHIND_SECONDS = 60
"""From here on an agreement counts as behind."""
WORST = 12
"""So many agreements are kept in the summary; the others are on the realm's own page."""
Row = Mapping[str, Any]


def rate(health: Row, dns: Sequence[Row]) -> dict[str, Any]:
    """Columns of RealmLook for what a look found (lifecycle.base.Health in JSON, and its rows of DNS)."""
    found = summarise(health, dns)
    silent = len({name for row in dns for name in row.get("silent") or ()})
    return {"summary": found, "silent": silent, "level": level(found, silent)}


def summarise(health: Row, dns: Sequence[Row]) -> dict[str, Any]:
    worst_first = sorted(health["agreements"], key=badness)
    return {
        "servers": len(health["servers"]),
        "unwell": sum(bool(server["problem"]) for server in health["servers"]),
        "agreements": len(worst_first),
        "broken": sum(bool(one["problem"]) for one in worst_first),
        "lag": max((one["lag"] or 0 for one in worst_first), default=0),
        "worst": [_brief(one) for one in worst_first[:WORST]],
        "certificate": min(health["certificates"], key=lambda one: one["days"], default=None),
        "missing": sum(is_missing(row) for row in dns),
        "bundles": len(health["bundles"]),
    }


def _brief(agreement: Row) -> Row:
    """What lists show of an agreement, without what only the next health check needs."""
    return {name: value for name, value in agreement.items() if name not in ("waiting", "clock", "tried")}


def level(found: Row, silent: int) -> RealmLevel:
    days = found["certificate"]["days"] if found["certificate"] else SOON_DAYS
    if found["unwell"] or found["broken"] or found["missing"] or days < 0:
        return RealmLevel.BAD
    soon = days < SOON_DAYS or found["lag"] >= BEHIND_SECONDS or silent
    return RealmLevel.SOON if soon else RealmLevel.WELL


def badness(agreement: Row) -> tuple[bool, bool, float]:
    """Sorts the worst first: broken ones, those of which nobody knows, and the others by their lag."""
    return not agreement["problem"], agreement["lag"] is not None, -(agreement["lag"] or 0)


def is_missing(row: Row) -> bool:
    """Return whether a name server that answers lacks this record, or none answers.

    `silent` names those that could not be asked: that says nothing of the record. Older rows do not have it.
    """
    silent = row.get("silent") or ()
    answers = {name: text for name, text in row["servers"].items() if name not in silent}
    return bool(row["problem"]) or any(answers.values()) or bool(silent and not answers)

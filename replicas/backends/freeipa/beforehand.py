"""What is looked at before a plan is approved, by action."""

from __future__ import annotations

from replicas.backends.freeipa import checks, later
from replicas.backends.freeipa.later import Check
from replicas.backends.freeipa.steps.removable import removable

HINDRANCES: dict[str, Check] = {
    **checks.CHECKS,
    **{name: check for found in later.CHECKS.values() for name, check in found.items()},
    "removable": removable,
}
CHECKS: dict[str, tuple[str, ...]] = {
    **{action: tuple(found) for action, found in later.CHECKS.items()},
    "install": tuple(checks.CHECKS),
    "records": ("signing-in",),
    "undo": ("signing-in", "reachable"),
    "remove": ("signing-in", "reachable", "removable"),
    "revoke": ("signing-in",),
}
"""In the order in which they are worth knowing."""
SIGNING_IN = (checks.SIGNS_IN, "signing-in")
"""One of them is in each; while it fails, those that sign in too are left out."""
IN_REALM = frozenset(
    {"existing", "vectors", "authority", "removable", "role", "name-service", "hideable", "hidden", "segment", "ends"}
)

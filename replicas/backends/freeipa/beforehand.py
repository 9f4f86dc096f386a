"""What is looked at before a plan is approved, by action: what would stop it, and what is only worth knowing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from replicas.backends.freeipa import advice, checks
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.steps.removable import removable
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps import host_advice


async def signing_in(ctx: Context) -> str:
    """Raises WrongPassword, FreeIpaError."""
    async with session(ctx) as opened:
        await opened.call("ping")
    return f"{ctx.job.master.hostname} accepts the admin password"


Check = Callable[[Context], Awaitable[str]]
HINDRANCES: dict[str, Check] = {
    **checks.CHECKS,
    "signing-in": signing_in,
    "reachable": host_advice.reachable,
    "removable": removable,
}
"""What the plan's own steps would fail with."""
ADVICE: dict[str, Check] = {
    "topology": advice.topology,
    "identifiers": advice.identifiers,
    "forwarders": host_advice.forwarders,
    "certificates": host_advice.certificates,
}
"""What does not stop the plan, and causes trouble later."""
CHECKS: dict[str, tuple[str, ...]] = {
    "install": (*checks.CHECKS, *ADVICE),
    "dns": ("signing-in", "reachable", "forwarders"),
    "records": ("signing-in",),
    "undo": ("signing-in", "reachable"),
    "remove": ("signing-in", "reachable", "removable"),
    "revoke": ("signing-in",),
}
"""In the order in which they are worth knowing."""
SIGNING_IN = (checks.SIGNS_IN, "signing-in")
"""One of them is in each; while it fails, those that sign in too are left out."""
IN_REALM = frozenset({"existing", "vectors", "authority", "releases", "zones", "removable", "topology", "identifiers"})

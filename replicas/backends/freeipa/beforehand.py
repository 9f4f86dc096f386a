"""What is looked at before a plan is approved, by action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from replicas.backends.freeipa import checks
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.steps.removable import removable
from replicas.lifecycle.base import Context


async def signing_in(ctx: Context) -> str:
    """Raises WrongPassword, FreeIpaError."""
    async with session(ctx) as opened:
        await opened.call("ping")
    return f"{ctx.job.master.hostname} accepts the admin password"


async def reachable(ctx: Context) -> str:
    """The host from which something is taken back, unless the request says that it is gone."""
    replica = ctx.job.replica.hostname
    if ctx.job.options.host_gone_reason:
        return f"{replica} is left out"
    await ctx.host("replica")
    return f"The portal reaches {replica}"


Check = Callable[[Context], Awaitable[str]]
HINDRANCES: dict[str, Check] = {
    **checks.CHECKS,
    "signing-in": signing_in,
    "reachable": reachable,
    "removable": removable,
}
CHECKS: dict[str, tuple[str, ...]] = {
    "install": tuple(checks.CHECKS),
    "dns": ("signing-in", "reachable"),
    "records": ("signing-in",),
    "undo": ("signing-in", "reachable"),
    "remove": ("signing-in", "reachable", "removable"),
    "revoke": ("signing-in",),
}
"""In the order in which they are worth knowing."""
SIGNING_IN = (checks.SIGNS_IN, "signing-in")
"""One of them is in each; while it fails, those that sign in too are left out."""
IN_REALM = frozenset({"existing", "vectors", "authority", "removable"})

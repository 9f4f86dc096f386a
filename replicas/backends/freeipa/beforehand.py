"""What is looked at before a plan is approved, by action: what would stop it, and what is only worth knowing."""

from __future__ import annotations

from replicas.backends.freeipa import advice, checks, dns_checks, later, nameservice, plan
from replicas.backends.freeipa.steps.removable import removable
from replicas.lifecycle.base import Context
from replicas.lifecycle.findings import Check
from replicas.lifecycle.steps import host_advice, name_checks
from replicas.lifecycle.steps import writable as writing


async def writable(ctx: Context) -> str:
    """Nothing keeps the files of the plan's steps from being written. Raises StepError, HostError."""
    return await writing.require(ctx, plan.ACTIONS[ctx.job.action](ctx.job))


HINDRANCES: dict[str, Check] = {
    **checks.CHECKS,
    **{name: check for found in later.CHECKS.values() for name, check in found.items()},
    "removable": removable,
    "writable": writable,
}
"""What the plan's own steps would fail with."""
ADVICE: dict[str, Check] = {
    "topology": advice.topology,
    "identifiers": advice.identifiers,
    "reverse": name_checks.reverse,
    "name-servers": dns_checks.alive,
    "forwarders": nameservice.advised,
    "forwarder-loops": dns_checks.forwarder_loops,
    "certificates": host_advice.certificates,
}
"""What does not stop the plan, and causes trouble later."""
WRITING = ("ca", "kra")
"""Actions that run an installer on a server that serves, beside DNS."""
CHECKS: dict[str, tuple[str, ...]] = {
    **{action: (*found, *(("writable",) if action in WRITING else ())) for action, found in later.CHECKS.items()},
    "install": (*checks.CHECKS, "writable", *ADVICE),
    "dns": (*later.CHECKS["dns"], "writable", "name-servers", "forwarders", "forwarder-loops"),
    "records": ("signing-in",),
    "undo": ("signing-in", "reachable"),
    "remove": ("signing-in", "reachable", "removable"),
    "revoke": ("signing-in",),
}
"""In the order in which they are worth knowing."""
SIGNING_IN = (checks.SIGNS_IN, "signing-in")
"""One of them is in each; while it fails, those that sign in too are left out."""
IN_REALM = frozenset(
    {
        *("existing", "vectors", "authority", "releases", "zones", "removable", "topology", "identifiers"),
        *("alias", "name-servers", "forwarder-loops"),
        *("role", "name-service", "new-zones", "hideable", "hidden", "segment", "ends"),
    }
)

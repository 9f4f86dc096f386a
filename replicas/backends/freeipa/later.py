"""What is looked at before something is done with a server that serves: by the first step, and before the approval."""

from __future__ import annotations

from collections.abc import Mapping

from replicas.backends.freeipa import checks, dogtag, hiding, nameservice, topology
from replicas.backends.freeipa.access import session
from replicas.lifecycle.base import Context
from replicas.lifecycle.findings import Check
from replicas.lifecycle.job import Action
from replicas.lifecycle.steps import host_advice, host_checks


async def signing_in(ctx: Context) -> str:
    """Raises WrongPassword, FreeIpaError."""
    async with session(ctx) as opened:
        await opened.call("ping")
    return f"{ctx.job.master.hostname} accepts the admin password"


ON_HOST: Mapping[str, Check] = {
    "reachable": host_advice.reachable,
    "role": dogtag.lacking,
    "installer": dogtag.knows,
    "named-files": checks.named,
    "settings": checks.settings,
    "resources": host_checks.resources,
}
CHECKS: Mapping[Action, Mapping[str, Check]] = {
    "dns": {
        "signing-in": signing_in,
        "reachable": host_advice.reachable,
        "name-service": nameservice.lacking,
        "name-installer": nameservice.knows,
        "new-zones": nameservice.unmade,
        "forwarding": nameservice.forwarding,
        "named-files": checks.named,
        "ports": checks.ports,
    },
    "ca": {"signing-in": signing_in, **ON_HOST, "ports": checks.ports},
    "kra": {"signing-in": signing_in, **ON_HOST},
    "hide": {"signing-in": signing_in, "hideable": hiding.hideable},
    "unhide": {"signing-in": signing_in, "hidden": hiding.hidden},
    "reinit": {"signing-in": signing_in, "segment": topology.joined},
    "segment": {"signing-in": signing_in, "ends": topology.addable},
}
"""In the order in which they are worth knowing; the first one signs in."""

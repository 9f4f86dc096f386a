"""What does not stop an installation, and causes trouble later: seen over the realm's own interface."""

from __future__ import annotations

from replicas.backends.freeipa import access, realm, serving
from replicas.backends.freeipa.access import session
from replicas.errors import StepError
from replicas.lifecycle.base import Context

IDENTIFIER = "ipantsecurityidentifier"
SIDES = ("left", "right")


async def topology(ctx: Context) -> str:
    """Every server reaches every other, and none is being initialized now. Raises StepError."""
    async with session(ctx) as opened:
        suffixes = await realm.suffixes(opened)
        for suffix in suffixes:
            await serving.require_connected(opened, suffix)
            for one in await opened.find("topologysegment_find", suffix, all=True):
                if any(one.get(f"nsds5beginreplicarefresh;{side}") for side in SIDES):
                    raise StepError(
                        f"The segment {one['cn'][0]} of the suffix {suffix} is being initialized now.",
                        "Wait for its end: a server that is busy with it refuses another one.",
                    )
    return f"The servers of {ctx.job.realm.name} reach each other ({', '.join(suffixes)})"


async def identifiers(ctx: Context) -> str:
    """Users have a SID, without which newer servers give them no ticket. Raises StepError."""
    async with session(ctx) as opened:
        shown = (await opened.call("user_show", access.ADMIN, all=True)).value
    if not shown.get(IDENTIFIER):
        raise StepError(
            f"{access.ADMIN} has no SID: it, and others like it, could not sign in at a server of a newer release.",
            "On a server of the realm: ipa config-mod --enable-sid --add-sids.",
        )
    return f"{access.ADMIN} has a SID"

"""Whether a server can be hidden, and whether a hidden one can be announced again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from replicas.backends.freeipa import realm, serving
from replicas.backends.freeipa.access import session
from replicas.errors import StepError
from replicas.lifecycle.base import Context

ALONE = {
    "ca_renewal_master_server": (
        "renews the certificates of the realm",
        "Let another server with a CA do it: ipa config-mod --ca-renewal-master-server=SERVER.",
    ),
    "dnssec_key_master_server": (
        "keeps the DNSSEC keys of the realm",
        "Let another name server do it: ipa-dns-install --dnssec-master there, after --disable-dnssec-master here.",
    ),
}
"""Attributes of `config_show` that name the one server which does something, and what to do about it."""
ITSELF, TRUSTING = "the realm itself", "trusting"
ROLES = {"ipa_master_server": ITSELF, **realm.ROLES, TRUSTING: "AD trust"}


async def hideable(ctx: Context) -> str:
    """What the realm itself would refuse is said before. Raises StepError."""
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        roles = await serving.roles(opened, name)
        shown = (await opened.call("config_show", all=True)).value
        trusting = realm.trusting(await realm.servers(opened))
    if roles.get(serving.MASTER) == serving.HIDDEN:
        return f"{name} is hidden already: it is only proved that nothing announces it"
    if roles.get(serving.MASTER) != realm.ENABLED:
        raise StepError(
            f"{name} is {roles.get(serving.MASTER, 'absent')} as a server, so it is not announced anyway.",
            f"See «ipa server-role-find --server {name}».",
        )
    refuse({**shown, TRUSTING: trusting}, name)
    return f"{name} can be hidden: every role that it has is served by another server too"


def refuse(shown: Mapping[str, Any], name: str) -> None:
    """By the realm's configuration. Raises StepError."""
    refuse_alone(shown, name, ALONE, "be hidden")
    for attribute, role in ROLES.items():
        if _names(shown.get(attribute)) == [name]:
            raise StepError(
                f"{name} is the last server of {role} that is announced.",
                f"Set up {role} on another server first, or announce one that is hidden."
                if role != ITSELF
                else "Announce another server first, or make another replica.",
            )


def refuse_alone(shown: Mapping[str, Any], name: str, attributes: Iterable[str], what: str) -> None:
    """Raises StepError for the one server that does something for the realm."""
    for attribute in attributes:
        does, remedy = ALONE[attribute]
        if name in _names(shown.get(attribute)):
            raise StepError(f"{name} {does}, and must not {what} while it does.", remedy)


def _names(value: Any) -> list[str]:
    """Some are lists, and some are not."""
    return [str(one).lower() for one in (value if isinstance(value, list | tuple) else [value]) if one]


async def hidden(ctx: Context) -> str:
    """Raises StepError."""
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        status = (await serving.roles(opened, name)).get(serving.MASTER, "absent")
    if status == realm.ENABLED:
        return f"{name} is announced already: it is only proved that clients find it"
    if status != serving.HIDDEN:
        raise StepError(
            f"{name} is {status} as a server, and not hidden.", f"See «ipa server-role-find --server {name}»."
        )
    return f"{name} is hidden"

"""What can be done with a verified replica, and when, as the portal knows it: the same for pages and actions.

Steps and checks ask the realm itself, which may have changed since it was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from replicas import realm_rules
from replicas.backends import registry
from replicas.choices import PlanAction, ReplicaState
from replicas.lifecycle.job import REALM_OPTIONS
from replicas.models import RealmLook, Replica

Link = tuple[str, str]
"""What is replicated (the realm's name for it), and with which other server."""
DOMAIN, CA = "domain", "ca"


def hindrance(replica: Replica, action: PlanAction) -> str:
    """Why it cannot be asked for; empty when it can."""
    if action not in registry.actions(replica.master.realm.backend):
        return _("Realms of this kind do not have this.")
    if replica.state != ReplicaState.VERIFIED:
        return _("%(host)s is in another state: %(state)s.") % {
            "host": replica.hostname,
            "state": replica.get_state_display(),
        }
    return RULES[action](replica)


def authority(replica: Replica) -> str:
    if replica.setup_ca:
        return _("%(host)s has a certificate authority already.") % {"host": replica.hostname}
    return "" if realm_has(replica, "realm_has_ca", "CA") else _("The realm has none that could be copied.")


def recovery(replica: Replica) -> str:
    if replica.setup_kra:
        return _("%(host)s has a key recovery authority already.") % {"host": replica.hostname}
    if not replica.setup_ca:
        return _("It needs a certificate authority too.")
    return "" if realm_has(replica, "realm_has_kra", "KRA") else _("The realm has none that could be copied.")


def name_service(replica: Replica) -> str:
    """Its installer announces whatever the server serves."""
    if replica.hidden_replica:
        return _("%(host)s is hidden, and would be announced with its name service: announce it first.") % {
            "host": replica.hostname
        }
    return ""


def hiding(replica: Replica) -> str:
    return _("%(host)s is hidden already.") % {"host": replica.hostname} if replica.hidden_replica else ""


def announcing(replica: Replica) -> str:
    return "" if replica.hidden_replica else _("%(host)s is not hidden.") % {"host": replica.hostname}


def initializing(replica: Replica) -> str:
    return "" if links(replica) else _("No server is known that %(host)s replicates with.") % {"host": replica.hostname}


def connecting(replica: Replica) -> str:
    if unlinked(replica):
        return ""
    return _("No server is known that %(host)s does not replicate with.") % {"host": replica.hostname}


RULES: dict[PlanAction, Callable[[Replica], str]] = {
    PlanAction.CA: authority,
    PlanAction.KRA: recovery,
    PlanAction.HIDE: hiding,
    PlanAction.UNHIDE: announcing,
    PlanAction.REINITIALIZE: initializing,
    PlanAction.SEGMENT: connecting,
}


def realm_has(replica: Replica, offer: str, role: str) -> bool:
    """Whether the master said so when it was registered, or a server was seen with that role since."""
    return bool((replica.master.offers or {}).get(offer)) or any(role in one["roles"] for one in _servers(replica))


def links(replica: Replica) -> list[Link]:
    """The agreements of the replica, as they were seen last; without a look, the one that it was installed with."""
    seen = {
        (suffix, one["consumer"])
        for one in _health(replica).get("agreements", ())
        if one["supplier"] == replica.hostname
        for suffix in one.get("suffixes", ())
    }
    made = {(suffix, replica.master.hostname) for suffix in _suffixes(replica)}
    return sorted(seen or made)


def unlinked(replica: Replica) -> list[Link]:
    """Servers with which the replica could have an agreement, and has none."""
    known = {(suffix, one["name"]) for one in _servers(replica) for suffix in one.get("suffixes", ())}
    mine = set(_suffixes(replica))
    return sorted(
        (suffix, name) for suffix, name in known - set(links(replica)) if suffix in mine and name != replica.hostname
    )


def check_link(link: Link, known: Iterable[Link]) -> None:
    """Raises ValidationError by field."""
    suffix, partner = link
    if link in known:
        return
    if any(suffix == one for one, _name in known):
        servers = ", ".join(name for one, name in known if one == suffix)
        raise ValidationError(
            {
                "partner": _("%(partner)s is not among the servers for the suffix %(suffix)s: %(servers)s.")
                % {"partner": partner, "suffix": suffix, "servers": servers}
            }
        )
    raise ValidationError(
        {"suffix": _("Choose one of: %(suffixes)s.") % {"suffixes": ", ".join(sorted({one for one, _name in known}))}}
    )


def check_options(replica: Replica, given: Mapping[str, Any]) -> None:
    """What is asked for of an authority, by the rules of a request for one. Raises ValidationError by field."""
    offered = registry.offered(replica.master.realm.backend, replica.master.versions, replica.master.offers)
    wanted = Replica(setup_ca=True, **given)
    wanted.clean_fields(exclude={field.name for field in Replica._meta.fields} - set(given))
    errors: dict[str, list[Any]] = {}
    for name in REALM_OPTIONS:
        if given.get(name) and name not in offered:
            errors.setdefault(name, []).append(_("The master's release does not have this option."))
    for wrong, name, text in realm_rules.problems(wanted):
        if wrong and name in given:
            errors.setdefault(name, []).append(text)
    if errors:
        raise ValidationError(errors)


def _health(replica: Replica) -> dict[str, Any]:
    """What was seen last of the realm, which is read once for the replica."""
    look: RealmLook | None = getattr(replica.master.realm, "look", None)
    return (look and look.health) or {}


def _servers(replica: Replica) -> list[dict[str, Any]]:
    return list(_health(replica).get("servers", ()))


def _suffixes(replica: Replica) -> list[str]:
    """What the replica has, as it was seen last, or as it was installed."""
    seen = next((one for one in _servers(replica) if one["name"] == replica.hostname), {})
    return list(seen.get("suffixes", ())) or [DOMAIN, *([CA] if replica.setup_ca else [])]

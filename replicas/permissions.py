"""Who may do what: the only copy, for pages and services alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.utils.translation import gettext as _

from replicas.choices import Role
from replicas.errors import NotAllowed

EVERYBODY = frozenset(Role)
ROLES: dict[str, frozenset[Role]] = {
    "view": EVERYBODY,
    "request": frozenset({Role.OPERATOR}),
    "cancel": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "retry": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "decide": frozenset({Role.APPROVER}),
    "register": frozenset({Role.ADMINISTRATOR}),
    "set_credentials": frozenset({Role.ADMINISTRATOR}),
    "accept_host_key": frozenset({Role.ADMINISTRATOR}),
}
"""Verb: the roles that may. A superuser has every role, and is bound by _own_request like everybody."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who does something, and from where; `user` is None for the portal itself."""

    user: User | None
    address: str = ""

    @classmethod
    def system(cls) -> Actor:
        return cls(None)

    @property
    def name(self) -> str:
        return self.user.get_username() if self.user else "portal"


def may(user: AbstractBaseUser | AnonymousUser | None, verb: str, obj: Any = None) -> bool:
    """Whether `user` may do `verb` (a key of ROLES), to `obj` if it matters whose that is."""
    if not isinstance(user, User) or not user.is_active:
        return False
    if verb == "decide" and obj is not None and obj.requested_by_id == user.pk:
        return False
    return user.is_superuser or not ROLES[verb].isdisjoint(roles(user))


def roles(user: User) -> frozenset[str]:
    """The user's groups, read once for each user object."""
    cached: frozenset[str] | None = getattr(user, "_portal_roles", None)
    if cached is None:
        cached = frozenset(user.groups.values_list("name", flat=True))
        user._portal_roles = cached  # type: ignore[attr-defined]
    return cached


def require(actor: Actor, verb: str, obj: Any = None) -> User:
    """The actor's user, when it may do `verb`. Raises NotAllowed."""
    if actor.user is not None and may(actor.user, verb, obj):
        return actor.user
    if verb == "decide" and obj is not None and actor.user is not None and obj.requested_by_id == actor.user.pk:
        raise NotAllowed(_("Nobody decides on an own request."), _("Ask another approver."))
    names = ", ".join(sorted(str(Role(role).label) for role in ROLES[verb]))
    raise NotAllowed(
        _("%(name)s may not do this.") % {"name": actor.name}, _("It takes the role: %(roles)s.") % {"roles": names}
    )

"""Who may do what: the only copy, for pages and services alike."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import F, Q, QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from replicas.choices import Role
from replicas.errors import NotAllowed

EVERYBODY = frozenset(Role)
ROLES: dict[str, frozenset[Role]] = {
    "view": EVERYBODY,
    "request": frozenset({Role.OPERATOR}),
    "check": frozenset({Role.OPERATOR, Role.APPROVER, Role.ADMINISTRATOR}),
    "cancel": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "revoke": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "retry": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "decide": frozenset({Role.APPROVER}),
    "register": frozenset({Role.ADMINISTRATOR}),
    "set_credentials": frozenset({Role.ADMINISTRATOR}),
    "accept_host_key": frozenset({Role.ADMINISTRATOR}),
    "compare_host_key": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "set_policy": frozenset({Role.ADMINISTRATOR}),
    "break_glass": frozenset({Role.ADMINISTRATOR}),
    "review_bypass": frozenset({Role.APPROVER, Role.ADMINISTRATOR}),
    "manage_users": frozenset({Role.ADMINISTRATOR}),
    "manage_webhooks": frozenset({Role.ADMINISTRATOR}),
    "verify_history": EVERYBODY,
}
"""Verb: the roles that may. A superuser has every role, but policies bind it, and it decides on no own request."""
OWN = ("cancel", "revoke", "compare_host_key")
"""What operators may do to their own requests only, and administrators to all."""


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
    if verb == "decide" and (_own(user, obj) or not _in_groups(user, obj)):
        return False
    if verb in OWN and obj is not None and not _own(user, obj):
        return user.is_superuser or Role.ADMINISTRATOR in roles(user)
    return user.is_superuser or not ROLES[verb].isdisjoint(roles(user))


def people(verb: str) -> QuerySet[User]:
    """Everybody who may do `verb` (a key of ROLES), whatever the policy of a realm says."""
    return User.objects.filter(Q(is_superuser=True) | Q(groups__name__in=ROLES[verb]), is_active=True).distinct()


def deciders(groups: Collection[str]) -> QuerySet[User]:
    """Those of them who may decide by a policy with these groups, superusers too; everybody, when it names none."""
    able = people("decide")
    return able.filter(pk__in=User.objects.filter(groups__name__in=groups)) if groups else able


def sure_deciders(groups: Collection[str]) -> int:
    """How many of them are left to decide whoever asks: one of those who may also request may have done so."""
    able = deciders(groups)
    return able.count() - able.filter(pk__in=people("request").values("pk")).exists()


def _own(user: User, obj: Any) -> bool:
    """Whether `user` asked for this plan, or for the plan of this run."""
    plan = getattr(obj, "plan", obj)
    return plan is not None and bool(plan.requested_by_id == user.pk)


def policy_groups(plan: Any) -> list[str]:
    """The groups that the plan's policy names; no group when it asks for none."""
    job = getattr(plan, "job", None) or {}
    return list(job.get("policy", {}).get("groups", ()))


def _in_groups(user: User, obj: Any) -> bool:
    groups = policy_groups(obj)
    return not groups or not roles(user).isdisjoint(groups)


def roles(user: User) -> frozenset[str]:
    """The user's groups, read once for each user object."""
    cached: frozenset[str] | None = getattr(user, "_portal_roles", None)
    if cached is None:
        cached = frozenset(user.groups.values_list("name", flat=True))
        user._portal_roles = cached  # type: ignore[attr-defined]
    return cached


class WithRoles(ModelBackend):
    """Signs people in as Django does; whoever is signed in is read together with the groups, which every page needs."""

    def get_user(self, user_id: int) -> User | None:
        rows = list(User.objects.filter(pk=user_id).annotate(role=F("groups__name")))
        if not rows or not self.user_can_authenticate(rows[0]):
            return None
        user = rows[0]
        user._portal_roles = frozenset(vars(row)["role"] for row in rows) - {None}  # type: ignore[attr-defined]
        return user


def words(text: Any, **values: Any) -> Any:
    """What is said to somebody in the own language, and noted in that of the history: so it is put off until then."""
    return format_lazy(text, **values)


def require(actor: Actor, verb: str, obj: Any = None) -> User:
    """The actor's user, when it may do `verb`. Raises NotAllowed."""
    if actor.user is not None and may(actor.user, verb, obj):
        return actor.user
    if actor.user is not None and verb == "decide" and _own(actor.user, obj):
        raise NotAllowed(words(gettext_lazy("Nobody decides on a request of their own.")), _("Ask another approver."))
    if verb == "decide" and may(actor.user, verb):
        raise NotAllowed(
            words(gettext_lazy("The policy of the realm leaves this to other people.")),
            _("It takes one of these groups: %(groups)s.") % {"groups": ", ".join(policy_groups(obj))},
        )
    if verb in OWN and actor.user is not None and may(actor.user, verb):
        raise NotAllowed(
            words(gettext_lazy("This is another person's request. Operators do this only with their own requests.")),
            _("Ask the requester, or an administrator."),
        )
    names = ", ".join(sorted(str(Role(role).label) for role in ROLES[verb]))
    raise NotAllowed(
        words(gettext_lazy("{name} may not do this."), name=actor.name),
        _("It takes the role: %(roles)s.") % {"roles": names},
    )

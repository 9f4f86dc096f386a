"""Count the passwords that checks find to be wrong, and stop trying them before the realm locks the account."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from replicas import audit
from replicas.audit import Subject
from replicas.errors import PortalError
from replicas.models import PasswordAttempt
from replicas.permissions import Actor

WITHIN = timedelta(minutes=15)
MOST_WRONG = 3
"""For one account of a realm, whoever tries: FreeIPA locks admin at the sixth failure within a minute."""
MOST_WRONG_OF_CHECKS = 2
"""For a stored password: fewer, so that a person can still enter the right one. What people enter does not count."""
PORTAL = Actor.system().name


def refusals(realm: str, stored: Collection[str], given: Collection[str] = ()) -> dict[str, PortalError]:
    """Return the passwords (CredentialName, KeytabName) that a check must not try now, with the reason.

    `given` are the names of those that a person entered for one request, `stored` those of the realm.
    """
    rows = PasswordAttempt.objects.filter(realm=realm, wrong=True, at__gt=timezone.now() - WITHIN)
    own = rows.filter(user=PORTAL)
    limits = [(name, own, MOST_WRONG_OF_CHECKS) for name in stored] + [(name, rows, MOST_WRONG) for name in given]
    found: dict[str, PortalError] = {}
    for name, attempts, most in limits:
        newest = list(attempts.filter(account=name).order_by("-at").values_list("at", flat=True)[:most])
        if len(newest) == most:
            found[name] = _refusal(realm, name, newest[-1] + WITHIN, stored=name in stored)
    return found


@transaction.atomic
def count(realm: str, names: Iterable[str], user: str = PORTAL) -> None:
    """Record that the realm rejected these passwords; `user` is the person who entered them."""
    PasswordAttempt.objects.filter(at__lte=timezone.now() - WITHIN).delete()
    for name in sorted(names):
        PasswordAttempt.objects.create(realm=realm, account=name, user=user, at=timezone.now(), wrong=True)
        audit.record(Actor.system(), "credential:fail", subject(realm, name))


def subject(realm: str, account: str) -> Subject:
    """Return what the audit log calls the account."""
    return Subject("credential", "", f"{account} of {realm}")


def _refusal(realm: str, name: str, until: datetime, *, stored: bool) -> PortalError:
    word = "keytab" if name == "keytab" else f"{name.replace('_', ' ')} password"
    clock = timezone.localtime(until + timedelta(seconds=59)).strftime("%H:%M %Z")
    return PortalError(
        f"{realm} rejected the {word} several times. The portal does not try it again until {clock}, so that the realm "
        "does not lock the account.",
        'Have an administrator store the right one ("Set passwords" on the page of the master), and check again.'
        if stored
        else "Discard the request, and submit it again with the right one.",
    )

"""Count the passwords of realms that people type wrong, so that the portal answers only a few guesses in a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from replicas import audit
from replicas.errors import PortalError, WrongPassword
from replicas.lifecycle.wrong_passwords import MOST_WRONG, WITHIN, subject
from replicas.models import AuditEvent, CredentialName, KeytabName, PasswordAttempt
from replicas.permissions import Actor

T = TypeVar("T")
MOST_WRONG_OF_A_USER = 6
"""For one user, over all realms and accounts."""
LONGEST = timedelta(minutes=2)
"""An attempt that has been under way for longer was abandoned, and counts as wrong."""
ANY = Q()
LABELS = {str(value): label for value, label in (*CredentialName.choices, *KeytabName.choices)}


class TooManyAttempts(PortalError):
    """A password is not tried, because too many before it were wrong."""


def tried(actor: Actor, realm: str, account: str, proof: Callable[[], T]) -> T:
    """Return what `proof` returns, which tries a typed password (CredentialName, KeytabName) of that realm once.

    A wrong one counts and is recorded; a right one resets the count. Where the realm could not be asked nothing counts.
    Raises TooManyAttempts without a try, WrongPassword, and what else `proof` raises.
    """
    attempt, counts = _begin(actor, realm, account), False
    try:
        result = proof()
    except WrongPassword as error:
        counts = True
        remedy = error.remedy
        if until := _wrong(actor, attempt):
            remedy = f"{remedy} {_refused(account, until)}"
        raise type(error)(error.message, remedy) from error
    finally:
        if not counts:
            attempt.delete()
    PasswordAttempt.objects.filter(realm=realm, account=account).delete()
    return result


def _begin(actor: Actor, realm: str, account: str) -> PasswordAttempt:
    """Reserve a try: those that are under way count too, so that several at once do not get past the limit."""
    now = timezone.now()
    with transaction.atomic():
        audit.alone()
        PasswordAttempt.objects.filter(at__lte=now - WITHIN).delete()
        until = _refused_until(realm, account, actor.name)
        if not until:
            return PasswordAttempt.objects.create(realm=realm, account=account, user=actor.name, at=now)
        if not _refused_until(realm, account, actor.name, Q(wrong=True) | Q(at__lte=now - LONGEST)):
            raise TooManyAttempts(
                _("Other attempts with this password (%(account)s) are under way, and the realm has not answered yet.")
                % {"account": LABELS.get(account, account)},
                _("Try again in a minute."),
            )
        _record_refusal(actor, realm, account, now)
    raise TooManyAttempts(_refused(account, until))


def _refused_until(realm: str, account: str, user: str, only: Q = ANY) -> datetime | None:
    rows = PasswordAttempt.objects.filter(only)
    limits = (
        (rows.filter(realm=realm, account=account), MOST_WRONG),
        (rows.filter(user=user), MOST_WRONG_OF_A_USER),
    )
    return max((until for rows, most in limits if (until := _end(rows, most))), default=None)


def _end(rows: QuerySet[PasswordAttempt], most: int) -> datetime | None:
    """Return when the oldest of the newest `most` attempts no longer counts; None where there are fewer."""
    newest = list(rows.order_by("-at").values_list("at", flat=True)[:most])
    return newest[-1] + WITHIN if len(newest) == most else None


@transaction.atomic
def _wrong(actor: Actor, attempt: PasswordAttempt) -> datetime | None:
    """Record the failure, and return until when further attempts are refused, if they are."""
    PasswordAttempt.objects.filter(pk=attempt.pk).update(wrong=True)
    audit.record(actor, "credential:fail", subject(attempt.realm, attempt.account))
    return _refused_until(attempt.realm, attempt.account, attempt.user)


def _record_refusal(actor: Actor, realm: str, account: str, now: datetime) -> None:
    """Record one event in each span, not one for each try."""
    about = subject(realm, account)
    refused = AuditEvent.objects.filter(verb="credential:refuse", label=about.label, at__gt=now - WITHIN)
    if not refused.filter(actor=actor.name).exists():
        audit.record(actor, "credential:refuse", about)


def _refused(account: str, until: datetime) -> str:
    return _(
        "Too many wrong passwords were entered (%(account)s). Further attempts are refused until %(until)s, even with "
        "the right one, so that the realm does not lock the account."
    ) % {
        "account": LABELS.get(account, account),
        "until": date_format(timezone.localtime(until + timedelta(seconds=59)), "H:i T"),
    }

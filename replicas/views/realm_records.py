"""The missing DNS records of a realm, added with one action: a plan for each replica that lacks some."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from replicas import permissions
from replicas.actions import tables
from replicas.actions.tables import SomeRefused
from replicas.choices import PlanState, ReplicaState
from replicas.errors import Conflict, PortalError
from replicas.forms.requests import RecordsForm
from replicas.forms.uploads import typed
from replicas.lifecycle.rating import is_missing
from replicas.models import Plan, Realm, Replica
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import actor, attempt
from replicas.views.drafts import show_first
from replicas.views.wishes import Wish

ACT = "records"


@dataclass(frozen=True, slots=True)
class Adding:
    """Whose missing records can be added now, whose plan waits already, and which servers no plan can be about."""

    able: list[Replica]
    waiting: list[Replica]
    foreign: list[str]
    form: RecordsForm


def adding(user: User, realm: Realm, hosts: Collection[str]) -> Adding | None:
    """For the servers whose records are missing; None for whom may not ask for it."""
    if not permissions.may(user, "request"):
        return None
    replicas = list(_verified(realm, hosts))
    waiting = set(Plan.objects.filter(replica__in=replicas, state=PlanState.WAITING).values_list("replica", flat=True))
    return Adding(
        [replica for replica in replicas if replica.pk not in waiting],
        [replica for replica in replicas if replica.pk in waiting],
        sorted(set(hosts) - {replica.hostname for replica in replicas}),
        RecordsForm(),
    )


@posted("realm_dns")
def realm_records(request: SignedInRequest, pk: int) -> HttpResponse:
    """One plan after the other is looked at, or the only one, and all are submitted together."""
    require(request, "request")
    realm = get_object_or_404(Realm.objects.select_related("look"), pk=pk)
    look = getattr(realm, "look", None)
    found = adding(request.user, realm, {row["host"] for row in look.dns if is_missing(row)} if look else ())
    able, form = found.able if found else [], RecordsForm(request.POST)
    sent = attempt(request, form, lambda data: _draw(request, able, form, data))
    if sent.done:
        return redirect(*sent.value)
    for words in _told(sent.failure, able) or [str(text) for texts in form.errors.values() for text in texts]:
        messages.error(request, words)
    return redirect("realm_dns", pk)


def _verified(realm: Realm, hosts: Collection[str]) -> QuerySet[Replica]:
    able = Replica.objects.filter(master__realm=realm, hostname__in=hosts, state=ReplicaState.VERIFIED)
    return able.select_related("master__realm", "host_key").order_by("hostname")


def _draw(request: SignedInRequest, able: list[Replica], form: RecordsForm, data: dict[str, Any]) -> tuple[str, object]:
    """The page of the one draft, or of all, by name and key. Raises Conflict when there is nothing to add."""
    if not able:
        raise Conflict(
            _("There are no missing records that a plan could add now."), _("Look at the realm again, or at its plans.")
        )
    if len(able) == 1:
        return "draft", show_first(request, Wish(ACT, form, able[0]), data).pk
    who, kept = actor(request), typed(request.POST, data)
    rows = [
        tables.Row(replica, kept, data["passwords"], act=ACT, freeze=Wish(ACT, form, replica).freezing(who, data))
        for replica in able
    ]
    return "table", tables.draw(who, rows)


def _told(failure: PortalError | None, able: list[Replica]) -> list[str]:
    """What was refused, of which replica; nothing when the form itself is wrong."""
    if failure is None:
        return []
    if not isinstance(failure, SomeRefused):
        return [str(failure)]
    return [
        f"{able[place]}: {' '.join(error.messages) if isinstance(error, ValidationError) else error}"
        for place, error in failure.refusals.items()
    ]

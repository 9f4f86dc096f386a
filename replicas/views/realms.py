"""A realm: its health, its topology as a picture, and its DNS records against what the name servers say."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from replicas import permissions
from replicas.actions.look_now import look_now
from replicas.choices import ReplicaState
from replicas.lifecycle import looking
from replicas.lifecycle.rating import SOON_DAYS, badness, is_missing
from replicas.models import Master, Realm, Replica
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import actor, attempt
from replicas.views.realm_records import adding
from replicas.views.suggestions import suggestions
from replicas.views.summaries import summaries, summary
from replicas.views.topology import Picture, draw, label_of, look_of

A_PAGE = 25
"""Realms of their list; agreements and certificates of one, of which there are more than servers."""
CHECKED_PAGES = ("realm", "realm_dns")
"""From these a person refreshes the health of a realm, and stays there."""
RECORDS = 50
"""DNS records on a page."""
COLUMNS = 6
"""So many name servers at most have a column each; of more only those are named that differ."""


class Answers(NamedTuple):
    """What the name servers say of one record: by column, or else who differs and how."""

    row: dict[str, Any]
    by_column: list[tuple[str | None, bool]]
    """The other answer, empty for the right one and None for no name server of that zone; and whether it is silent."""
    missing: bool

    @property
    def served(self) -> int:
        return sum(not answer for answer in self.row["servers"].values())

    @property
    def others(self) -> list[tuple[str, str]]:
        """Each other answer, and who gives it."""
        who: dict[str, list[str]] = {}
        for name, answer in sorted(self.row["servers"].items()):
            if answer:
                who.setdefault(answer, []).append(name)
        return [(answer, ", ".join(names)) for answer, names in who.items()]


@require_safe
def realms(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    page, shown = summaries(A_PAGE, request.GET.get("page"))
    return render(request, "realms/list.html", {"page": page, "realms": shown})


def fetch(request: SignedInRequest, pk: int) -> Realm:
    require(request, "view")
    return get_object_or_404(Realm.objects.select_related("look"), pk=pk)


@require_safe
def realm(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    about = summary(found)
    health = about.look.health if about.look and about.look.health else None
    context = {
        "realm": found,
        "about": about,
        "health": health,
        "picture": picture(found, health) if health else None,
        "suggested": suggestions(request.user, found, health.get("suggested", ())) if health else [],
        "agreements": agreements(request, health["agreements"]) if health else None,
        "certificates": certificates(request, health["certificates"]) if health else None,
        "soon": SOON_DAYS,
        "may_look": permissions.may(request.user, "check"),
        "progress": looking.progress(about.look, timezone.now()).value,
    }
    return render(request, "realms/detail.html", context)


@require_safe
def realm_dns(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    about = summary(found)
    rows = sorted(about.look.dns if about.look else [], key=lambda row: not is_missing(row))
    servers = sorted({name for row in rows for name in row["servers"]})
    missing = [row for row in rows if is_missing(row)]
    page = Paginator(rows, RECORDS).get_page(request.GET.get("page"))
    columns = servers if len(servers) <= COLUMNS else []
    context = {
        "realm": found,
        "about": about,
        "columns": columns,
        "page": page,
        "rows": [Answers(row, by_column(row, columns), is_missing(row)) for row in page],
        "lines": [row["record"] for row in missing],
        "adding": adding(request.user, found, {row["host"] for row in missing}),
        "may_look": permissions.may(request.user, "check"),
        "progress": looking.progress(about.look, timezone.now()).value,
    }
    return render(request, "realms/dns.html", context)


def by_column(row: dict[str, Any], columns: list[str]) -> list[tuple[str | None, bool]]:
    """Return what each name server answers, and whether it could not be asked."""
    return [(row["servers"].get(name), name in (row.get("silent") or ())) for name in columns]


@posted("realm")
def realm_look(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    require(request, "check")
    sent = attempt(request, Form(request.POST), lambda data: look_now(actor(request), found))
    if sent.failure:
        messages.warning(request, str(sent.failure))
    page = request.POST.get("page", "")
    return redirect(page if page in CHECKED_PAGES else "realm", pk)


def agreements(request: SignedInRequest, found: list[dict[str, Any]]) -> Page[tuple[dict[str, Any], str, str]]:
    """A page of them, the worst first, each with how it looks and its lag in words."""
    rows = [(one, look_of(one), label_of(one)) for one in sorted(found, key=badness)]
    return Paginator(rows, A_PAGE).get_page(request.GET.get("agreements"))


def certificates(request: SignedInRequest, found: list[dict[str, Any]]) -> Page[dict[str, Any]]:
    """A page of them, the next one to expire first."""
    return Paginator(sorted(found, key=lambda one: one["days"]), A_PAGE).get_page(request.GET.get("certificates"))


def picture(found: Realm, health: dict[str, Any]) -> Picture:
    below = {server["name"]: f"#server-{number}" for number, server in enumerate(health["servers"], 1)}
    return draw(health["servers"], health["agreements"], below | pages_of(found, list(below)))


def pages_of(found: Realm, names: list[str]) -> dict[str, str]:
    """The page of each of these servers that the portal knows: of the replica, or else of the master."""
    masters = Master.objects.filter(realm=found, hostname__in=names)
    replicas = Replica.objects.filter(master__realm=found, hostname__in=names, state=ReplicaState.VERIFIED)
    return {master.hostname: reverse("master", args=[master.pk]) for master in masters} | {
        replica.hostname: reverse("replica", args=[replica.pk]) for replica in replicas
    }

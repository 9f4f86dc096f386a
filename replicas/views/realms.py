"""A realm: its health, its topology as a picture, and its DNS records against what the name servers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from replicas import permissions
from replicas.actions.look_now import look_now
from replicas.choices import ReplicaState
from replicas.models import Master, Realm, RealmLook, Replica
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import actor, attempt
from replicas.views.realm_records import adding, is_missing
from replicas.views.topology import Picture, draw, label_of, lag_of, look_of

SOON_DAYS = 30
WORST = 3
"""So many agreements of a realm the dashboard shows at once, the others on demand."""


class Lag(NamedTuple):
    """One agreement in a line: the hosts' names within the realm's domain, how it looks, and its lag in words."""

    supplier: str
    consumer: str
    look: str
    words: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A realm in a line of the dashboard. Counts are 0 and texts empty where all is well."""

    realm: Realm
    look: RealmLook | None
    servers: int = 0
    unwell: int = 0
    broken: int = 0
    lag: float = 0
    lags: tuple[Lag, ...] = ()
    days: int | None = None
    missing: int = 0
    bundles: int = 0

    @property
    def level(self) -> str:
        if self.look is None or self.look.at is None:
            return "unknown"
        if self.look.error or self.unwell or self.broken or self.missing or (self.days is not None and self.days < 0):
            return "bad"
        return "wait" if (self.days is not None and self.days < SOON_DAYS) or self.lag >= 60 else "good"

    @property
    def worst(self) -> tuple[Lag, ...]:
        return self.lags[:WORST]

    @property
    def others(self) -> tuple[Lag, ...]:
        return self.lags[WORST:]


def summary(realm: Realm) -> Summary:
    look = getattr(realm, "look", None)
    if look is None or not look.health:
        return Summary(realm, look)
    health = look.health
    return Summary(
        realm,
        look,
        servers=len(health["servers"]),
        unwell=sum(bool(server["problem"]) for server in health["servers"]),
        broken=sum(look_of(one) == "broken" for one in health["agreements"]),
        lag=max((one["lag"] or 0 for one in health["agreements"]), default=0),
        lags=tuple(_lag(one, f".{realm.domain}") for one in sorted(health["agreements"], key=_badness)),
        days=min((one["days"] for one in health["certificates"]), default=None),
        missing=sum(is_missing(row) for row in look.dns),
        bundles=len(health["bundles"]),
    )


def _badness(agreement: Mapping[str, Any]) -> tuple[bool, bool, float]:
    """Sorts the worst first: broken ones, those of which nobody knows, and the others by their lag."""
    return look_of(agreement) != "broken", agreement["lag"] is not None, -(agreement["lag"] or 0)


def _lag(agreement: Mapping[str, Any], domain: str) -> Lag:
    supplier, consumer = agreement["supplier"].removesuffix(domain), agreement["consumer"].removesuffix(domain)
    return Lag(supplier, consumer, look_of(agreement), lag_of(agreement))


def summaries() -> list[Summary]:
    """Of every realm with a master."""
    able = Exists(Master.objects.filter(realm=OuterRef("pk")))
    return [summary(realm) for realm in Realm.objects.filter(able).select_related("look")]


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
        "agreements": [(one, look_of(one), label_of(one)) for one in health["agreements"]] if health else [],
        "soon": SOON_DAYS,
        "may_look": permissions.may(request.user, "check"),
    }
    return render(request, "realms/detail.html", context)


@require_safe
def realm_dns(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    about = summary(found)
    rows = about.look.dns if about.look else []
    servers = sorted({name for row in rows for name in row["servers"]})
    missing = [row for row in rows if is_missing(row)]
    context = {
        "realm": found,
        "about": about,
        "servers": servers,
        "rows": [(row, [row["servers"].get(name) for name in servers], is_missing(row)) for row in rows],
        "lines": [row["record"] for row in missing],
        "adding": adding(request.user, found, {row["host"] for row in missing}),
        "may_look": permissions.may(request.user, "check"),
    }
    return render(request, "realms/dns.html", context)


@posted("realm")
def realm_look(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    require(request, "check")
    sent = attempt(request, Form(request.POST), lambda data: look_now(actor(request), found))
    if sent.failure:
        messages.error(request, str(sent.failure))
    else:
        messages.success(request, _("The realm is being looked at. The page shows it in a few seconds."))
    return redirect("realm", pk)


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

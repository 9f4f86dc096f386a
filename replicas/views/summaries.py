"""Realms in a line each, as the dashboard and the list of realms show them: those that need care first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from replicas.choices import RealmLevel
from replicas.models import Master, Realm, RealmLook
from replicas.views.topology import lag_of, look_of

WORST = 3
"""So many agreements of a realm are shown at once, some more on demand, and all of them on its own page."""
BADGES = {
    RealmLevel.BAD: "failed",
    RealmLevel.SOON: "waiting",
    RealmLevel.WELL: "ok",
    RealmLevel.UNKNOWN: "pending",
}


class Lag(NamedTuple):
    """One agreement in a line: the hosts' names within the realm's domain, how it looks, and its lag in words."""

    supplier: str
    consumer: str
    look: str
    words: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A realm in a line. Counts are 0 and texts empty where all is well; `certificate` is the next one to expire."""

    realm: Realm
    look: RealmLook | None
    servers: int = 0
    unwell: int = 0
    agreements: int = 0
    broken: int = 0
    lag: float = 0
    lags: tuple[Lag, ...] = ()
    certificate: Mapping[str, Any] | None = None
    missing: int = 0
    bundles: int = 0

    @property
    def level(self) -> RealmLevel:
        return RealmLevel(self.look.level) if self.look is not None else RealmLevel.UNKNOWN

    @property
    def silent(self) -> int:
        """Return how many name servers did not answer."""
        return (self.look and self.look.silent) or 0

    @property
    def badge(self) -> str:
        """The state whose badge shows the level."""
        return BADGES[self.level]

    @property
    def worst(self) -> tuple[Lag, ...]:
        return self.lags[:WORST]

    @property
    def others(self) -> tuple[Lag, ...]:
        return self.lags[WORST:]

    @property
    def more(self) -> int:
        """Agreements that are not shown at once."""
        return self.agreements - len(self.worst)

    @property
    def elsewhere(self) -> int:
        """Those of them that only the realm's own page shows."""
        return self.agreements - len(self.lags)


KNOWN = {field.name for field in fields(Summary)}


def summary(realm: Realm) -> Summary:
    look = getattr(realm, "look", None)
    if look is None or not look.summary:
        return Summary(realm, look)
    found: dict[str, Any] = look.summary
    lags = tuple(_lag(one, f".{realm.domain}") for one in found["worst"])
    # A later version may write more than this one knows.
    return Summary(realm, look, lags=lags, **{name: value for name, value in found.items() if name in KNOWN})


def _lag(agreement: Mapping[str, Any], domain: str) -> Lag:
    supplier, consumer = agreement["supplier"].removesuffix(domain), agreement["consumer"].removesuffix(domain)
    return Lag(supplier, consumer, look_of(agreement), lag_of(agreement))


def realms_by_care() -> QuerySet[Realm]:
    """Every realm with a master, without what its own page alone shows of the look."""
    able = Exists(Master.objects.filter(realm=OuterRef("pk")))
    level = Coalesce("look__level", RealmLevel.UNKNOWN)
    known = Realm.objects.filter(able).select_related("look").defer("ca_certificate", "look__health", "look__dns")
    return known.order_by(level.desc(), "name")


def summaries(per_page: int, number: str | None = None) -> tuple[Page[Realm], list[Summary]]:
    """A page of realms, and the summaries of those on it."""
    page = Paginator(realms_by_care(), per_page).get_page(number)
    return page, [summary(realm) for realm in page]

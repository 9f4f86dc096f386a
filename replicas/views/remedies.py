"""A failed run as people need it: what it shows, what that usually means, what to do, and the buttons that do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from replicas import permissions
from replicas.backends import registry
from replicas.choices import RunState
from replicas.lifecycle import symptoms
from replicas.models import Replica, Run
from replicas.views.acting import Act


class Page(NamedTuple):
    """A remedy on a page of its own."""

    verb: str
    address: Callable[[Replica], str]
    label: Any
    symbol: str


PAGES = {
    "host_key": Page(
        "accept_host_key",
        lambda replica: reverse("replica_host_key", args=[replica.pk]),
        gettext_lazy("Compare the host key"),
        "shield",
    ),
    "passwords": Page(
        "set_credentials",
        lambda replica: reverse("master", args=[replica.master_id]),
        gettext_lazy("Set passwords"),
        "key",
    ),
}


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    label: object
    symbol: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Context of runs/trouble.html."""

    error: str
    meaning: str
    remedy: str
    acts: Sequence[Act]
    links: Sequence[Link]


def explained(user: User, run: Run | None, acts: list[Act]) -> dict[str, Any]:
    """What went wrong with the buttons that help, for runs/outcome.html; and the other actions."""
    found = trouble(user, run, acts) if run else None
    return {"trouble": found, "acts": [act for act in acts if found is None or act not in found.acts]}


def trouble(user: User, run: Run, acts: Sequence[Act]) -> Trouble | None:
    """Of a run that ended with an error; `acts` are those that this person is offered now."""
    if not run.error:
        return None
    found = symptoms.recognise(run.error, tables(run)) if run.state == RunState.FAILED else None
    if found is None:
        helping = ("retry", "undo")
        return Trouble(run.error, "", run.remedy, in_order(acts, helping), ())
    links = [link(user, run, name) for name in found.acts if name in PAGES] if acts else []
    return Trouble(
        run.error,
        _(found.meaning),
        run.remedy or (_(found.remedy) if found.remedy else ""),
        in_order(acts, found.acts),
        [one for one in links if one is not None],
    )


def tables(run: Run) -> tuple[symptoms.Symptom, ...]:
    """The symptoms of the realm's backend, then those of all."""
    return symptoms.tables(registry.get(run.plan.replica.master.realm.backend).symptoms)


def in_order(acts: Sequence[Act], names: Sequence[str]) -> list[Act]:
    return sorted((act for act in acts if act.name in names), key=lambda act: names.index(act.name))


def link(user: User, run: Run, name: str) -> Link | None:
    page, replica = PAGES[name], run.plan.replica
    if not permissions.may(user, page.verb):
        return None
    return Link(page.address(replica), page.label, page.symbol)

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
from replicas.choices import PlanAction, RunState
from replicas.lifecycle import run_end, symptoms
from replicas.lifecycle.outcome import stop_reason
from replicas.models import Replica, Run
from replicas.views.acting import Act
from replicas.views.kinds import Subject
from replicas.views.outcome import known


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

    heading: str
    error: str
    who: str
    """Who had the run stopped; empty when it failed."""
    reason: str
    """What they gave as the reason."""
    state: str
    """What is true of the replica since, where the run is the one that its page is about."""
    done: tuple[str, ...]
    """Titles of the steps that a removal or an undo has finished."""
    meaning: str
    remedy: str
    obstacle: str
    """Why the run cannot be retried, and what to do instead."""
    acts: Sequence[Act]
    links: Sequence[Link]


def explained(user: User, about: Subject, run: Run | None, acts: list[Act]) -> dict[str, Any]:
    """What went wrong with the buttons that help, for runs/outcome.html; and the other actions."""
    found = trouble(user, about, run, acts) if run else None
    return {"trouble": found, "acts": [act for act in acts if found is None or act not in found.acts]}


def trouble(user: User, about: Subject, run: Run, acts: Sequence[Act]) -> Trouble | None:
    """Of a run that failed or was stopped; `acts` are those that this person is offered now."""
    if not run.error or run.state not in (RunState.FAILED, RunState.CANCELLED):
        return None
    failed = run.state == RunState.FAILED
    symptom = symptoms.recognise(run.error, tables(run), run.plan.action) if failed else None
    names = symptom.acts if symptom else ("retry", "undo")
    # A removal that has begun is finished before anything else helps.
    helping = in_order(acts, ("retry", "remove") if run.plan.action == PlanAction.REMOVE else names)
    links = [link(user, run, name) for name in names if name in PAGES] if acts else []
    who = "" if failed else run.cancel_requested_by
    came = run_end.progress(run)
    told = run_end.ending(run.plan.action, known(run), run.state, came)
    never = not came.stages
    return Trouble(
        heading=_heading(run, told, came, who, never),
        error=run.error,
        who=who,
        reason=stop_reason(run, who),
        state=_present(about, run, told, never),
        done=came.done if run.plan.removes and not about.superseded(run) else (),
        meaning=_(symptom.meaning) if symptom else "",
        remedy=_remedy(about, run, symptom, told),
        obstacle=str(about.obstacle) if about.obstacle and about.stopped == run else "",
        acts=helping,
        links=[one for one in links if one is not None],
    )


def _heading(run: Run, told: run_end.Ending, came: run_end.Progress, who: str, never: bool) -> str:
    if never and run.state == RunState.FAILED:
        return _("“%(action)s” failed before its first step") % {"action": run.plan.get_action_display()}
    if never:
        by = {"action": run.plan.get_action_display(), "who": who or _("the portal")}
        return _("“%(action)s” was stopped before it began, by %(who)s") % by
    where = {"step": came.step, "total": came.total, "action": run.plan.get_action_display()}
    return _(told.heading) % where


def _present(about: Subject, run: Run, told: run_end.Ending, never: bool) -> str:
    """What is true now: of an older run only that another one has worked on the replica since."""
    if about.superseded(run):
        return _("A later run has worked on this replica since. The page of the replica shows its present state.")
    return _("Nothing was changed.") if never else _(told.state)


def _remedy(about: Subject, run: Run, symptom: symptoms.Symptom | None, told: run_end.Ending) -> str:
    """What the failed step advises comes first; what is known of the kind of the run follows."""
    if about.superseded(run) or about.stopped != run or about.obstacle:
        return ""
    if run.state == RunState.CANCELLED:
        return _(told.remedy)
    own = run.remedy or (_(symptom.remedy) if symptom and symptom.remedy else "")
    return " ".join(part for part in (own, _(told.remedy) if run.plan.removes else "") if part)


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

"""The newest plans and runs of a replica, for its pages: few rows, without the columns that can be large."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, Prefetch, Q, QuerySet, Subquery, When
from django.db.models.fields.json import KeyTransform

from replicas.choices import RUN_ACTIVE, PlanAction
from replicas.models import Plan, Replica, Run
from replicas.models.runs import never_began
from replicas.views.outcome import FINDINGS, LOOKED, PROGRESS

PLANS = 25
"""So many are listed."""
UNDER_WAY, MATTERS, ASIDE = range(3)


def plans_of(replica: Replica) -> list[Plan]:
    """The newest PLANS and one more; and, however old, those whose runs matter or found something: newest first.

    Only the first has its job and its steps. Their runs are read with them, the newest first, each with its `rank` and
    with what it found (views/outcome.py).
    """
    runs = Run.objects.filter(plan__replica=replica)
    newest = replica.plans.order_by("-created_at", "-pk").values("pk")
    among = Q(pk__in=newest[: PLANS + 1]) | Q(pk__in=_plan_of(runs.order_by(_rank(), "-pk")))
    for fact in FINDINGS:
        among |= Q(pk__in=_plan_of(runs.filter(LOOKED, facts__has_key=fact).order_by("-pk")))
    large = {f"its_{name}": Case(When(pk=Subquery(newest[:1]), then=name)) for name in ("job", "steps")}
    few = replica.plans.filter(among).order_by("-created_at", "-pk").select_related("requested_by")
    light = few.defer("job", "steps", "findings").annotate(**large)
    found = list(light.prefetch_related(Prefetch("runs", _light())))
    for first in found[:1]:
        first.job, first.steps = vars(first)["its_job"], vars(first)["its_steps"]
    return found


def rank(run: Run) -> int:
    """UNDER_WAY, MATTERS or ASIDE, of a run that was read by `plans_of`."""
    found: int = vars(run)["rank"]
    return found


def _rank() -> Case:
    """Made anew for each query: one that compares with a query of its own is changed by its first use."""
    aside = Q(plan__action=PlanAction.REVOKE) | never_began()
    return Case(When(state__in=RUN_ACTIVE, then=UNDER_WAY), When(aside, then=ASIDE), default=MATTERS)


def _plan_of(runs: QuerySet[Run]) -> QuerySet[Run, Any]:
    return runs.values("plan")[:1]


def _light() -> QuerySet[Run]:
    few = Run.objects.defer("facts", "offsets").select_related("bypass__by", "bypass__reviewed_by")
    facts = {name: KeyTransform(name, "facts") for name in (*FINDINGS, *PROGRESS)}
    return few.annotate(rank=_rank(), began=~never_began(), **facts).order_by("-pk")

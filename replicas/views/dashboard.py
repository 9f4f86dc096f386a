"""What waits for me, what runs now, what happened."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Window
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from replicas import permissions
from replicas.choices import StepState
from replicas.models import AuditEvent, Plan, StepRun
from replicas.views.access import SignedInRequest, require
from replicas.views.summaries import summaries
from replicas.waiting import asked_for, to_decide, to_review, under_way

ROWS = 10


class Some(NamedTuple):
    """The first rows of a list, and how many there are."""

    rows: list[Any]
    total: int

    @property
    def more(self) -> bool:
        return self.total > len(self.rows)


@require_safe
def dashboard(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    decidable = to_decide(request.user)
    waiting = Plan.objects.filter(pk__in=decidable).select_related("replica__master__realm", "requested_by")
    current = StepRun.objects.filter(run=OuterRef("pk"), state=StepState.RUNNING).order_by("-index")
    running = under_way().annotate(
        total_steps=Count("steps"),
        done_steps=Count("steps", filter=Q(steps__state=StepState.DONE)),
        current=Subquery(current.values("title")[:1]),
    )
    page, realms = summaries(ROWS)
    context = {
        "has_masters": bool(realms),
        "realm_count": page.paginator.count,
        "may_decide": permissions.may(request.user, "decide"),
        "waiting_count": len(decidable),
        "reviews": some(to_review(request.user).select_related("by", "run__plan__replica")),
        "waiting": Some(list(waiting[:ROWS]), len(decidable)),
        "running": some(running.select_related("plan__replica")),
        "mine": some(asked_for(request.user)),
        "realms": realms,
        # Each look at a realm uses a password; that is for the history, not for the day.
        "events": AuditEvent.objects.exclude(verb="credential:use")[: ROWS + 5],
    }
    return render(request, "dashboard/dashboard.html", context)


def some(rows: QuerySet[Any]) -> Some:
    """With one query: each row says how many there are."""
    found = list(rows.annotate(total=Window(Count("pk")))[:ROWS])
    return Some(found, found[0].total if found else 0)

"""What waits for me, what runs now, what happened."""

from __future__ import annotations

from django.db.models import Count, OuterRef, Q, Subquery
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from replicas import permissions
from replicas.choices import REPLICA_ENDED, RUN_ACTIVE, ReplicaState, StepState
from replicas.models import AuditEvent, Plan, Replica, Run, StepRun
from replicas.views.access import SignedInRequest, require
from replicas.views.summaries import summaries
from replicas.waiting import to_decide, to_review

ROWS = 10


@require_safe
def dashboard(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    decidable = to_decide(request.user)
    waiting = Plan.objects.filter(pk__in=decidable)
    current = StepRun.objects.filter(run=OuterRef("pk"), state=StepState.RUNNING).order_by("-index")
    running = Run.objects.filter(state__in=RUN_ACTIVE).annotate(
        total_steps=Count("steps"),
        done_steps=Count("steps", filter=Q(steps__state=StepState.DONE)),
        current=Subquery(current.values("title")[:1]),
    )
    mine = Replica.objects.filter(requested_by=request.user).exclude(state__in=(*REPLICA_ENDED, ReplicaState.VERIFIED))
    page, realms = summaries(ROWS)
    context = {
        "has_masters": bool(realms),
        "realm_count": page.paginator.count,
        "may_decide": permissions.may(request.user, "decide"),
        "waiting_count": len(decidable),
        "reviews": to_review(request.user),
        "waiting": waiting.select_related("replica__master__realm", "requested_by")[:ROWS],
        "running": running.select_related("plan__replica")[:ROWS],
        "mine": mine[:ROWS],
        "realms": realms,
        # Each look at a realm uses a password; that is for the history, not for the day.
        "events": AuditEvent.objects.exclude(verb="credential:use")[: ROWS + 5],
    }
    return render(request, "dashboard/dashboard.html", context)

"""The audit events, newest first, in keyset pages."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from replicas.filters import EventFilter
from replicas.models import AuditEvent
from replicas.views.access import SignedInRequest, require

EVENTS_A_PAGE = 50


@require_safe
def history(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    found = EventFilter(request.GET, queryset=AuditEvent.objects.all())
    events = list(found.qs[: EVENTS_A_PAGE + 1])
    older = ""
    if len(events) > EVENTS_A_PAGE:
        query = request.GET.copy()
        query["before"] = str(events[EVENTS_A_PAGE - 1].pk)
        older = f"?{query.urlencode()}"
    context = {"filter": found, "events": events[:EVENTS_A_PAGE], "older": older}
    return render(request, "history/list.html", context)

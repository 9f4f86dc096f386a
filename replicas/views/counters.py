"""The counters of the navigation alone, for pages that show nothing else that changes."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from replicas.views.access import SignedInRequest, require


@require_safe
def counters(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    return render(request, "components/rail.html")

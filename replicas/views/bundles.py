"""The replica information files that the portal sealed."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from replicas.filters import BundleFilter
from replicas.models import Bundle
from replicas.tables import BundleTable
from replicas.views.access import SignedInRequest, require


@require_safe
def bundles(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    found = BundleFilter(request.GET, queryset=Bundle.objects.select_related("replica", "run"))
    table = BundleTable(found.qs)
    RequestConfig(request, paginate={"per_page": 25}).configure(table)
    return render(request, "bundles/list.html", {"table": table, "filter": found})

"""Replicas: the list, the request, and one of them with its plan, run, bundle and what can be done."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from replicas import permissions
from replicas.errors import PortalError
from replicas.filters import ReplicaFilter
from replicas.models import Replica
from replicas.tables import ReplicaTable
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import actor, attempt
from replicas.views.live import live
from replicas.views.options import described
from replicas.views.replica_acts import ACTS, Bound, Subject, offered
from replicas.views.stages import by_stage


def fetch(request: SignedInRequest, pk: int, verb: str = "view") -> Replica:
    require(request, verb)
    return get_object_or_404(Replica.objects.select_related("master__realm", "host_key", "requested_by"), pk=pk)


@require_safe
def replicas(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    found = ReplicaFilter(request.GET, queryset=Replica.objects.select_related("master__realm", "requested_by"))
    table = ReplicaTable(found.qs)
    RequestConfig(request, paginate={"per_page": 25}).configure(table)
    context = {"table": table, "filter": found, "may_request": permissions.may(request.user, "request")}
    return render(request, "replicas/list.html", context)


@require_safe
def replica(request: SignedInRequest, pk: int) -> HttpResponse:
    return page(request, fetch(request, pk))


@posted("replica")
def replica_act(request: SignedInRequest, pk: int, name: str) -> HttpResponse:
    """One of ACTS on this replica."""
    if name not in ACTS:
        raise Http404
    kind = ACTS[name]
    found = fetch(request, pk, kind.verb)
    form = kind.form(request.POST)
    sent = attempt(form, lambda data: kind.do(actor(request), Subject.of(found), data))
    if not sent.done:
        return page(request, found, Bound(name, form), sent.failure)
    messages.success(request, kind.thanks)
    return redirect("replica", pk)


def page(
    request: SignedInRequest, found: Replica, bound: Bound | None = None, failure: PortalError | None = None
) -> HttpResponse:
    about = Subject.of(found)
    context = {
        "replica": found,
        "plan": about.plan,
        "stages": by_stage(about.plan.steps, lambda step: step["stage"]) if about.plan else [],
        "plans": about.plans,
        "options": described(about.plan.frozen_job()) if about.plan else [],
        "bundles": found.bundles.all(),
        "acts": offered(request.user, about, bound),
        "may_accept_host_key": permissions.may(request.user, "accept_host_key"),
        "failure": failure,
        "run": about.run,
        **about.findings,
    }
    return render(request, "replicas/detail.html", context | (live(about.run) if about.run else {}))

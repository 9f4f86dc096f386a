"""Asking for a replica."""

from __future__ import annotations

from typing import Any

from django.forms import model_to_dict
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from replicas.forms.requests import ReplicaRequestForm
from replicas.models import Draft, Master, Replica
from replicas.sshkey import public_key
from replicas.views.access import SignedInRequest, require
from replicas.views.acting import attempt
from replicas.views.drafts import show_first
from replicas.views.wishes import REQUEST, Wish

ITS_OWN = ("hostname", "ssh_address", "ip_addresses", "reverse_zone", "no_reverse", "other_host_reason")
"""What a host has for itself, and a request like another one does not take over."""


@require_http_methods(["GET", "HEAD", "POST"])
def replica_request(request: SignedInRequest) -> HttpResponse:
    require(request, "request")
    form = ReplicaRequestForm(request.POST or None, initial=_initial(request))
    sent = attempt(request, form, lambda data: show_first(request, Wish(REQUEST, form), data))
    if sent.done:
        return redirect("draft", sent.value.pk)
    context = {
        "form": form,
        "failure": sent.failure,
        "has_masters": Master.objects.exists(),
        "public_key": public_key(),
    }
    return render(request, "replicas/request.html", context)


def _initial(request: SignedInRequest) -> dict[str, Any]:
    """What a link asks for: a master, an own draft, or what another request has and that is not its host's own."""
    query, like, draft = request.GET, request.GET.get("like", ""), request.GET.get("draft", "")
    mine = Draft.objects.filter(pk=draft, requested_by=request.user, act=REQUEST).first() if draft.isdecimal() else None
    if mine is not None:
        given = QueryDict(mine.disclose())
        return {name: given[name] for name in ReplicaRequestForm.Meta.fields if name in given}
    found = Replica.objects.filter(pk=like).first() if like.isdecimal() else None
    if found is None:
        return {"master": query.get("master")}
    return model_to_dict(found, [name for name in ReplicaRequestForm.Meta.fields if name not in ITS_OWN])

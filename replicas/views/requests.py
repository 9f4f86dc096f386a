"""Asking for a replica."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import model_to_dict
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from replicas.actions.submit import submit
from replicas.forms.requests import ReplicaRequestForm
from replicas.models import Master, Replica
from replicas.sshkey import public_key
from replicas.views.access import SignedInRequest, require
from replicas.views.acting import actor, attempt

ITS_OWN = ("hostname", "ssh_address", "ip_addresses", "reverse_zone", "no_reverse", "other_host_reason")
"""What a host has for itself, and a request like another one does not take over."""


@require_http_methods(["GET", "HEAD", "POST"])
def replica_request(request: SignedInRequest) -> HttpResponse:
    require(request, "request")
    form = ReplicaRequestForm(request.POST or None, initial=_initial(request.GET))
    sent = attempt(request, form, lambda data: submit(actor(request), form.instance, data["passwords"]))
    if sent.done:
        messages.success(request, _("Submitted. Someone else has to approve the plan now."))
        return redirect("replica", sent.value.replica_id)
    context = {
        "form": form,
        "failure": sent.failure,
        "has_masters": Master.objects.exists(),
        "public_key": public_key(),
    }
    return render(request, "replicas/request.html", context)


def _initial(query: QueryDict) -> dict[str, Any]:
    """What a link asks for: a master, or everything that another request has and that is not its host's own."""
    like = query.get("like", "")
    found = Replica.objects.filter(pk=like).first() if like.isdecimal() else None
    if found is None:
        return {"master": query.get("master")}
    return model_to_dict(found, [name for name in ReplicaRequestForm.Meta.fields if name not in ITS_OWN])

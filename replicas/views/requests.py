"""Asking for a replica."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from replicas.actions.submit import submit
from replicas.forms.requests import ReplicaRequestForm
from replicas.models import Master
from replicas.sshkey import public_key
from replicas.views.access import SignedInRequest, require
from replicas.views.acting import actor, attempt


@require_http_methods(["GET", "HEAD", "POST"])
def replica_request(request: SignedInRequest) -> HttpResponse:
    require(request, "request")
    form = ReplicaRequestForm(request.POST or None, initial={"master": request.GET.get("master")})
    sent = attempt(form, lambda data: submit(actor(request), form.instance, data["passwords"]))
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

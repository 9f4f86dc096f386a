"""Registering a master in two steps: read its host key, then compare it and say the passwords."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from replicas.actions.register_master import Registration, inspect, register
from replicas.forms.masters import MasterInspectForm, MasterRegisterForm
from replicas.sshkey import public_key
from replicas.views.access import SignedInRequest, require
from replicas.views.acting import actor, attempt


@require_http_methods(["GET", "HEAD", "POST"])
def master_register(request: SignedInRequest) -> HttpResponse:
    """The first step; what it finds is the second step's form, on the same address."""
    require(request, "register")
    if request.POST.get("step") == "register":
        return second_step(request)
    form = MasterInspectForm(request.POST or None)
    sent = attempt(request, form, lambda data: inspect(actor(request), data["ssh_address"], data["ssh_port"]))
    if not sent.done:
        return page(request, {"form": form, "failure": sent.failure})
    given = form.cleaned_data | {"fingerprint": sent.value}
    return page(request, {"form": MasterRegisterForm(initial=given), "inspection": given})


def second_step(request: SignedInRequest) -> HttpResponse:
    form = MasterRegisterForm(request.POST)
    sent = attempt(request, form, lambda data: register(actor(request), registration(data)))
    if not sent.done:
        return page(request, {"form": form, "inspection": form.data, "failure": sent.failure})
    messages.success(request, _("Registered. Replicas can be requested from it now."))
    return redirect("master", sent.value.pk)


def registration(data: dict[str, Any]) -> Registration:
    return Registration(**{name: data.get(name, "") for name in Registration.__dataclass_fields__})


def page(request: SignedInRequest, context: dict[str, object]) -> HttpResponse:
    return render(request, "masters/register.html", {"public_key": public_key(), **context})

"""Changing where a registered master is, and reading it anew."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from replicas.actions.change_master import Change, Changed, change, proved
from replicas.errors import HostKeyChanged
from replicas.forms.masters import MasterChangeForm
from replicas.models import Master
from replicas.views.access import SignedInRequest
from replicas.views.acting import Outcome, actor, attempt
from replicas.views.host_keys import place
from replicas.views.masters import fetch


@require_http_methods(["GET", "HEAD", "POST"])
def master_change(request: SignedInRequest, pk: int) -> HttpResponse:
    """The place is the stored one, or that of the page's address, where a host key was just accepted."""
    found = fetch(request, pk, "register")
    form = form_of(request, found)
    sent = Outcome(False)
    if request.method == "POST":
        sent = attempt(request, form, lambda data: change(actor(request), found, Change(**data)))
        if sent.done:
            messages.success(request, told(sent.value))
            return redirect("master", pk)
    context = {"master": found, "form": form, "failure": sent.failure, "host_key_page": key_page(found, form, sent)}
    return render(request, "masters/change.html", context)


def form_of(request: SignedInRequest, found: Master) -> MasterChangeForm:
    password = proved(found.realm)
    stored = found.realm.credentials.filter(name=password).exists()
    initial = {f"ssh_{name}": value for name, value in place(request).items()}
    return MasterChangeForm(request.POST or None, initial=initial, master=found, password=password, stored=stored)


def key_page(found: Master, form: MasterChangeForm, sent: Outcome) -> str:
    """Where the key that the host presents at the given place is compared, when it is not the pinned one."""
    if not isinstance(sent.failure, HostKeyChanged):
        return ""
    there: dict[str, Any] = {name: form.cleaned_data[f"ssh_{name}"] for name in ("address", "port")}
    return f"{reverse('master_host_key', args=[found.pk])}?{urlencode(there)}"


def told(changed: Changed) -> str:
    if not changed.names:
        said = _("Read again. Nothing is different.")
    else:
        said = _("Stored, with everything that was read from it.")
    voided = ngettext(
        "%(n)d plan would now be another one, and is void.",
        "%(n)d plans would now be other ones, and are void.",
        changed.voided,
    )
    return f"{said} {voided % {'n': changed.voided}}" if changed.voided else said

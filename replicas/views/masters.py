"""Masters: the list, and one of them with its realm, passwords and replicas."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from replicas import permissions
from replicas.actions.prove_passwords import Proof
from replicas.actions.set_credentials import remove_keytab, replace_credentials
from replicas.backends import registry
from replicas.errors import PortalError
from replicas.forms.masters import CredentialsForm
from replicas.models import CredentialName, KeytabName, Master
from replicas.tables import MasterTable
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import STAYS, Act, actor, attempt

REPLICAS_SHOWN = 100


def fetch(request: SignedInRequest, pk: int, verb: str = "view") -> Master:
    require(request, verb)
    return get_object_or_404(Master.objects.select_related("realm", "host_key"), pk=pk)


@require_safe
def masters(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    table = MasterTable(Master.objects.select_related("realm").annotate(replica_count=Count("replicas")))
    RequestConfig(request, paginate={"per_page": 25}).configure(table)
    context = {"table": table, "may_register": permissions.may(request.user, "register")}
    return render(request, "masters/list.html", context)


@require_safe
def master(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    return page(request, found, CredentialsForm(kind=found.realm.backend))


@posted("master")
def master_credentials(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk, "set_credentials")
    form = CredentialsForm(request.POST, request.FILES, kind=found.realm.backend)

    def store(data: dict[str, Any]) -> Proof:
        if data.pop("remove_keytab", False):
            remove_keytab(actor(request), found.realm)
        unproved = data.pop("unproved", False)
        return replace_credentials(actor(request), found, data, unproved)

    outcome = attempt(request, form, store)
    if not outcome.done:
        return page(request, found, form, outcome.failure)
    messages.success(request, _("The passwords are stored, encrypted. Each use of them is in the history."))
    if outcome.value.unproved:
        messages.warning(request, str(outcome.value), extra_tags=STAYS)
    return redirect("master", pk)


def page(
    request: SignedInRequest, found: Master, form: CredentialsForm, failure: PortalError | None = None
) -> HttpResponse:
    stored = {credential.name: credential for credential in found.realm.credentials.all()}
    needed = registry.secrets(found.realm.backend)
    context = {
        "master": found,
        "replicas": found.replicas.all()[:REPLICAS_SHOWN],
        "credentials": [(CredentialName(name).label, stored.get(name)) for name in needed],
        "takes_keytab": registry.takes_keytab(found.realm.backend),
        "keytab": stored.get(KeytabName.KEYTAB),
        "may_change": permissions.may(request.user, "register"),
        "may_accept_host_key": permissions.may(request.user, "accept_host_key"),
        "may_request": permissions.may(request.user, "request"),
        "acts": acts(request, found, form),
        "failure": failure,
    }
    return render(request, "masters/detail.html", context)


def acts(request: SignedInRequest, found: Master, form: CredentialsForm) -> list[Act]:
    if not permissions.may(request.user, "set_credentials"):
        return []
    return [
        Act(
            url=reverse("master_credentials", args=[found.pk]),
            form=form,
            label=_("Set passwords"),
            help=_("They are encrypted before they are stored, and never shown again."),
            symbol="key",
        )
    ]

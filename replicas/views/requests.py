"""Asking for a replica."""

from __future__ import annotations

from typing import Any

from django.forms import Form, model_to_dict
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from replicas.backends import registry
from replicas.errors import PortalError
from replicas.forms.requests import ReplicaRequestForm
from replicas.lifecycle.job import CERTIFICATE_FILES, REALM_OPTIONS, UPLOADS, label_of
from replicas.models import Draft, Master, Replica
from replicas.sshkey import public_key
from replicas.views.access import SignedInRequest, require
from replicas.views.acting import attempt
from replicas.views.drafts import show_first
from replicas.views.wishes import REQUEST, Wish

ITS_OWN = (
    "hostname", "ssh_address", "ip_addresses", "reverse_zone", "no_reverse", "other_host_reason", "leftovers_reason",
)  # fmt: skip
"""What a host has for itself, and a request like another one does not take over."""
OF_OTHER_AUTHORITIES = {*CERTIFICATE_FILES, *UPLOADS, *map(label_of, UPLOADS)}
"""What nobody needs where the realm's own authority issues certificates."""


@require_http_methods(["GET", "HEAD", "POST"])
def replica_request(request: SignedInRequest) -> HttpResponse:
    require(request, "request")
    if "choose" in request.POST:  # the options of another master; nothing is judged yet
        typed = _typed(request.POST)
        return _page(request, ReplicaRequestForm(initial=typed, offered=_offered(typed.get("master"))))
    if request.method != "POST":
        begun = attempt(request, Form(request.GET), lambda data: _initial(request))
        initial = begun.value or {}
        form = ReplicaRequestForm(initial=initial, offered=_offered(initial.get("master")))
        return _page(request, form, begun.failure)
    # What was filled in although the master does not have it is shown, and refused there.
    given = {name for name in REALM_OPTIONS if request.POST.get(name) or request.FILES.get(name)}
    offered = _offered(request.POST.get("master")) | given
    form = ReplicaRequestForm(request.POST, request.FILES, offered=offered)
    sent = attempt(request, form, lambda data: show_first(request, Wish(REQUEST, form), data))
    return redirect("draft", sent.value.pk) if sent.done else _page(request, form, sent.failure)


def _page(request: SignedInRequest, form: ReplicaRequestForm, failure: PortalError | None = None) -> HttpResponse:
    has_masters = Master.objects.exists()
    context = {"form": form, "failure": failure, "has_masters": has_masters, "public_key": public_key()}
    return render(request, "replicas/request.html", context)


def _offered(master: object) -> set[str]:
    """The options that only some realms have, and the chosen master has; until one is chosen, those that all have."""
    masters = Master.objects.select_related("realm")
    key = str(master or "")
    chosen = masters.filter(pk=key) if key.isdecimal() else masters.none()
    found = [_of(one) for one in chosen or masters]
    return set.intersection(*found) if found else set()


def _of(master: Master) -> set[str]:
    offered = set(registry.offered(master.realm.backend, master.versions, master.offers))
    issues = (master.offers or {}).get("realm_has_ca") is True
    return offered - OF_OTHER_AUTHORITIES if issues else offered


def _typed(post: QueryDict) -> dict[str, Any]:
    return {name: post[name] for name in ReplicaRequestForm.Meta.fields if name in post}


def _initial(request: SignedInRequest) -> dict[str, Any]:
    """What a link asks for: a master, an own draft, or what another request has and that is not its host's own.

    Raises PortalError when a draft cannot be opened.
    """
    query, like, draft = request.GET, request.GET.get("like", ""), request.GET.get("draft", "")
    mine = Draft.objects.filter(pk=draft, requested_by=request.user, act=REQUEST).first() if draft.isdecimal() else None
    if mine is not None:
        return _typed(QueryDict(mine.disclose()))
    found = Replica.objects.filter(pk=like).first() if like.isdecimal() else None
    if found is None:
        return {"master": query.get("master")}
    return model_to_dict(found, [name for name in ReplicaRequestForm.Meta.fields if name not in ITS_OWN])

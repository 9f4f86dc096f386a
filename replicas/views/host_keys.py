"""Another host key than the pinned one: compared by an administrator, and accepted with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from replicas.actions import host_keys
from replicas.clients import ssh
from replicas.errors import PortalError
from replicas.forms.masters import HostKeyForm, PlaceForm
from replicas.lifecycle.job import Endpoint
from replicas.models import Draft, HostKey, Master, Plan
from replicas.models.topology import SSHTarget
from replicas.views.access import SignedInRequest, linked_from_another_site, require
from replicas.views.acting import actor, attempt


@dataclass(frozen=True, slots=True)
class HostKeyFacts:
    """The key of a host as a draft or a plan has it, and what is known of how it was compared."""

    endpoint: Endpoint
    fingerprint: str
    known: HostKey | None
    """The pinned key, where it is this one and a person compared it."""

    @classmethod
    def of(cls, row: Draft | Plan) -> HostKeyFacts:
        endpoint = row.frozen_job().replica
        known = HostKey.objects.filter(hostname=endpoint.hostname, key=endpoint.host_key).exclude(compared="").first()
        return cls(endpoint, ssh.fingerprint(endpoint.host_key), known)

    @property
    def compare(self) -> bool:
        """Whether the person who submits the draft has to compare it."""
        return self.known is None

    @property
    def file(self) -> str:
        """The file on the host that has the key."""
        kind = self.endpoint.host_key.split()[0].removeprefix("ssh-").partition("-")[0]
        return f"/etc/ssh/ssh_host_{kind}_key.pub"


@require_http_methods(["GET", "HEAD", "POST"])
def host_key(request: SignedInRequest, kind: type[SSHTarget], pk: int) -> HttpResponse:
    """Show what the host presents now beside what is pinned; accept exactly what was shown.

    A master that is somewhere else now (`?address=&port=`) is asked there, before its address is changed.
    """
    require(request, "accept_host_key")
    target = get_object_or_404(kind, pk=pk)
    elsewhere = place(request)
    if elsewhere and linked_from_another_site(request):
        return redirect(name_of(target), pk)
    if request.method != "POST":
        return compare(request, target)
    form = HostKeyForm(request.POST)
    sent = attempt(
        request, form, lambda data: host_keys.accept(actor(request), target.host_key, present(request, target), **data)
    )
    if not sent.done:
        return page(request, target, form, sent.failure)
    messages.success(request, _("The new host key is pinned."))
    if elsewhere and isinstance(target, Master):
        return redirect(f"{reverse('master_change', args=[pk])}?{urlencode(elsewhere)}")
    return redirect(name_of(target), pk)


def compare(request: SignedInRequest, target: SSHTarget) -> HttpResponse:
    try:
        fingerprint = ssh.fingerprint(present(request, target))
    except PortalError as error:
        return page(request, target, None, error)
    return page(request, target, HostKeyForm(initial={"fingerprint": fingerprint}))


def present(request: SignedInRequest, target: SSHTarget) -> str:
    elsewhere = place(request) if isinstance(target, Master) else {}
    return host_keys.fetch(elsewhere.get("address", target.ssh_address), elsewhere.get("port", target.ssh_port))


def place(request: SignedInRequest) -> dict[str, Any]:
    """The address and port that the page's address names; nothing when it names none."""
    form = PlaceForm(request.GET)
    return form.cleaned_data if form.is_valid() else {}


def name_of(target: SSHTarget) -> str:
    """Of the page that shows it."""
    return "master" if isinstance(target, Master) else "replica"


def page(
    request: SignedInRequest, target: SSHTarget, form: HostKeyForm | None, failure: PortalError | None = None
) -> HttpResponse:
    fingerprint = form["fingerprint"].value() if form else ""
    context = {
        "target": target,
        "kind": name_of(target),
        "form": form,
        "fingerprint": fingerprint,
        "elsewhere": place(request) if isinstance(target, Master) else {},
        "same": fingerprint == target.host_key.fingerprint,
        "failure": failure,
    }
    return render(request, "masters/compare.html", context)

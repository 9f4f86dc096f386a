"""The plan of a request that is not submitted yet: looked at, submitted, or discarded."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from replicas.actions import drafts
from replicas.actions.drafts import Outdated
from replicas.actions.give_passwords import NONE
from replicas.actions.prove_passwords import Proof
from replicas.errors import PortalError
from replicas.forms.drafts import DraftForm
from replicas.forms.uploads import typed
from replicas.lifecycle.plan import lasting
from replicas.models import Draft
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import actor, attempt
from replicas.views.findings import Findings
from replicas.views.host_keys import HostKeyFacts
from replicas.views.options import described
from replicas.views.stages import by_stage
from replicas.views.tables import drafts_of
from replicas.views.wishes import REQUEST, Wish

REFUSED = (PortalError, ValidationError)


def fetch(request: SignedInRequest, pk: int) -> Draft:
    """Only an own one: nobody else knows of it."""
    require(request, "request")
    return get_object_or_404(Draft.objects.select_related("replica"), pk=pk, requested_by=request.user)


@require_safe
def draft(request: SignedInRequest, pk: int) -> HttpResponse:
    return page(request, fetch(request, pk), DraftForm())


@posted("draft")
def draft_submit(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    form = DraftForm(request.POST)
    sent = attempt(request, form, lambda data: _submit(request, found, data))
    if isinstance(sent.failure, Outdated):
        messages.warning(request, str(sent.failure))
        return redirect(renewed(request, found))
    if not sent.done:
        return page(request, found, form, sent.failure)
    messages.success(request, _("Submitted. Someone else has to approve the plan now."))
    return redirect("replica", sent.value.replica_id)


@posted("draft")
def draft_discard(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    drafts.discard(actor(request), found)
    if found.table is not None:
        messages.success(request, _("%(draft)s is left out of the table.") % {"draft": found})
        return redirect("table", found.table) if drafts_of(request, found.table) else redirect("replica_bulk")
    messages.success(request, _("Discarded. Nothing was submitted."))
    return redirect("replica", found.replica_id) if found.replica_id else redirect("replicas")


@posted("draft")
def draft_check(request: SignedInRequest, pk: int) -> HttpResponse:
    drafts.check_again(actor(request), fetch(request, pk))
    return redirect("draft", pk)


def show_first(request: SignedInRequest, wish: Wish, data: dict[str, Any]) -> Draft:
    """A draft of what was asked for. Raises what actions.drafts.draw raises."""
    who = actor(request)
    passwords = data.get("passwords", NONE)
    return drafts.draw(who, wish.act, typed(request.POST, data), wish.freezing(who, data), wish.replica, passwords)


def renewed(request: SignedInRequest, old: Draft) -> str:
    """The address of the plan that the same request makes now, or of the form, if it makes none."""
    who, wish = actor(request), Wish.of(old)
    if not wish.form.is_valid():
        return form_of(old)
    try:
        freeze = wish.freezing(who, wish.form.cleaned_data)
        made = drafts.draw(who, wish.act, old.disclose(), freeze, wish.replica, unproved=old.unproved or NONE)
    except REFUSED as error:
        messages.error(request, " ".join(error.messages) if isinstance(error, ValidationError) else str(error))
        return form_of(old)
    drafts.discard(who, old)
    return reverse("draft", args=[made.pk])


def form_of(draft: Draft) -> str:
    """Where it was filled in: a request with what was typed, anything else on the page of its replica."""
    if draft.act == REQUEST:
        return f"{reverse('replica_request')}?draft={draft.pk}"
    return reverse("replica", args=[draft.replica_id])


def _submit(request: SignedInRequest, found: Draft, data: dict[str, Any]) -> object:
    who, wish = actor(request), Wish.of(found)
    if not wish.form.is_valid():  # the rules, or what they look at, have changed since
        raise Outdated(_("The request is not valid any more."), _("Fill it in again."))
    freeze = wish.freezing(who, wish.form.cleaned_data)
    return drafts.submit(who, found, freeze, data["despite"], data["fingerprint"])


def page(request: SignedInRequest, found: Draft, form: DraftForm, failure: PortalError | None = None) -> HttpResponse:
    job = found.frozen_job()
    context = {
        "draft": found,
        "stages": by_stage(found.steps, lambda step: step["stage"]),
        "lasting": lasting(found.steps),
        "options": described(job),
        "policy": job.policy,
        "unproved": Proof(unproved=found.unproved or {}),
        "checks": Findings.of(found, timezone.now()),
        "host_key": HostKeyFacts.of(found),
        "change": form_of(found) if found.act == REQUEST and not found.table else None,
        "form": form,
        "failure": failure,
    }
    return render(request, "drafts/detail.html", context)

"""Replicas: the list, the request, and one of them with its plan, run, bundle and what can be done."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from replicas import permissions
from replicas.actions.revoke_bundle import revocable, revoke_bundle
from replicas.choices import Decision, PlanState
from replicas.errors import PortalError
from replicas.filters import ReplicaFilter
from replicas.forms.requests import CancelForm
from replicas.models import Approval, Bundle, Bypass, Master, Plan, Replica
from replicas.tables import ReplicaTable
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import STAYS, Act, actor, attempt
from replicas.views.drafts import show_first
from replicas.views.kinds import Bound, Subject
from replicas.views.live import live
from replicas.views.newest import PLANS
from replicas.views.options import described
from replicas.views.policies import run_acts
from replicas.views.remedies import explained
from replicas.views.replica_acts import ACTS, offered
from replicas.views.stages import by_stage
from replicas.views.wishes import Wish

RELATED = ("master__realm", "master__host_key", "host_key", "requested_by")


def fetch(request: SignedInRequest, pk: int, verb: str = "view") -> Replica:
    require(request, verb)
    return get_object_or_404(Replica.objects.select_related(*RELATED), pk=pk)


@require_safe
def replicas(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    every = Replica.objects.select_related("master__realm", "requested_by")
    found = ReplicaFilter(request.GET, queryset=every, request=request)
    table = ReplicaTable(found.qs)
    RequestConfig(request, paginate={"per_page": 25}).configure(table)
    context = {
        "table": table,
        "filter": found,
        "may_request": permissions.may(request.user, "request"),
        "has_masters": Master.objects.exists(),
    }
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
    form = kind.form(request.POST, request.FILES)
    if kind.plans:
        sent = attempt(request, form, lambda data: show_first(request, Wish(name, form, found), data))
        return redirect("draft", sent.value.pk) if sent.done else page(request, found, Bound(name, form), sent.failure)
    sent = attempt(request, form, lambda data: kind.do(actor(request), Subject(found), data))
    if not sent.done:
        return page(request, found, Bound(name, form), sent.failure)
    messages.success(request, kind.thanks)
    if isinstance(sent.value, str) and sent.value:  # what could not be proved of the passwords
        messages.warning(request, sent.value, extra_tags=STAYS)
    return redirect("replica", pk)


@posted("replica")
def bundle_revoke(request: SignedInRequest, pk: int, bundle: int) -> HttpResponse:
    found = fetch(request, pk, "revoke")
    sealed = get_object_or_404(found.bundles, pk=bundle)
    form = CancelForm(request.POST)
    sent = attempt(request, form, lambda data: revoke_bundle(actor(request), sealed, data["reason"]))
    if not sent.done:
        return page(request, found, Bound(_act_name(sealed), form), sent.failure)
    messages.success(request, _("The bundle is revoked. Its certificates and files are being taken away."))
    return redirect("replica", pk)


def with_acts(request: SignedInRequest, found: Replica, bound: Bound | None) -> list[tuple[Bundle, Act | None]]:
    """The replica's bundles, each with what this person may do with it."""
    may = permissions.may(request.user, "revoke", found)
    return [(bundle, _revoking(bundle, bound) if may and revocable(bundle) else None) for bundle in found.bundles.all()]


def _act_name(bundle: Bundle) -> str:
    return f"bundle-{bundle.pk}"


def _revoking(bundle: Bundle, bound: Bound | None) -> Act:
    name = _act_name(bundle)
    form = bound.form if bound and bound.name == name else CancelForm()
    form.auto_id = f"id_{name}_%s"
    return Act(
        url=reverse("bundle_revoke", args=[bundle.replica_id, bundle.pk]),
        form=form,
        label=_("Revoke bundle"),
        help=_(
            "Its certificates go on the revocation list, and its file is removed from both hosts, "
            "without an approval. A retry of the installation seals another one."
        ),
        symbol="stop",
        style="btn-outline-danger",
    )


def _refusal(plan: Plan | None) -> Approval | None:
    """Who rejected the newest plan, and why."""
    if plan is None or plan.state != PlanState.REJECTED:
        return None
    return plan.approvals.filter(decision=Decision.REJECT).select_related("approver").first()


def page(
    request: SignedInRequest, found: Replica, bound: Bound | None = None, failure: PortalError | None = None
) -> HttpResponse:
    about = Subject(found)
    if about.run:
        prefetch_related_objects([about.run], "steps")
    bypass: Bypass | None = getattr(about.run, "bypass", None)
    acts = (run_acts(request, about.run, bypass) if about.run else []) + offered(request.user, about, bound)
    context = {
        "replica": found,
        "plan": about.plan,
        "stages": by_stage(about.plan.steps, lambda step: step["stage"]) if about.plan else [],
        "plans": about.plans[:PLANS],
        "older": len(about.plans) > PLANS,
        "options": described(about.plan.frozen_job()) if about.plan else [],
        "bundles": with_acts(request, found, bound),
        "bypass": bypass,
        "refusal": _refusal(about.plan),
        "may_accept_host_key": permissions.may(request.user, "accept_host_key"),
        "failure": failure,
        "run": about.run,
        **about.findings,
        **explained(request.user, about, about.run, acts),
    }
    return render(request, "replicas/detail.html", context | (live(about.run, request.GET) if about.run else {}))

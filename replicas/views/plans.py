"""The queue of approvers, a plan's page, and the decision on it."""

from __future__ import annotations

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from replicas import permissions
from replicas.actions.approve import approve as approve_plan
from replicas.actions.drafts import check_again
from replicas.actions.host_keys import compare_for, uncompared
from replicas.actions.reject import reject as reject_plan
from replicas.actions.replica_states import require_state
from replicas.choices import Decision, PlanState
from replicas.errors import Conflict, PortalError
from replicas.forms.approvals import ApprovalForm, ComparisonForm
from replicas.lifecycle.plan import lasting
from replicas.lifecycle.voiding import differences
from replicas.models import Approval, CredentialName, Plan
from replicas.tables import DecisionTable, PlanTable
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import actor, attempt
from replicas.views.findings import Findings
from replicas.views.host_keys import HostKeyFacts
from replicas.views.options import described
from replicas.views.policies import plan_acts
from replicas.views.stages import by_stage


def fetch(request: SignedInRequest, pk: int, verb: str = "view") -> Plan:
    plans = Plan.objects.select_related(
        "replica__host_key", "replica__master__realm", "replica__master__host_key", "requested_by"
    )
    found = get_object_or_404(plans, pk=pk)
    require(request, verb, found)
    return found


@require_safe
def approvals(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    waiting = Plan.objects.filter(state=PlanState.WAITING).select_related("replica__master__realm", "requested_by")
    table = PlanTable(waiting)
    RequestConfig(request, paginate={"per_page": 25}).configure(table)
    decided = DecisionTable(Approval.objects.select_related("plan__replica", "approver"), prefix="past-")
    RequestConfig(request, paginate={"per_page": 25}).configure(decided)
    return render(request, "approvals/list.html", {"table": table, "decided": decided})


@require_safe
def plan(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    return page(request, found, ApprovalForm(initial={"digest": found.digest}))


@posted("plan")
def approve(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk, "decide")
    form = ApprovalForm(request.POST)
    outcome = attempt(request, form, lambda data: approve_plan(actor(request), found, **data))
    if not outcome.done:
        return page(request, found, form, outcome.failure)
    run = outcome.value
    if run is None:
        messages.success(request, _("Approved. It needs the approval of somebody else as well."))
        return redirect("plan", pk)
    if run.held:
        messages.success(request, _("Approved. The run begins when its maintenance window opens."))
    else:
        messages.success(request, _("Approved. The run is queued."))
    return redirect("replica", found.replica_id)


@posted("plan")
def plan_check(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk, "check")
    sent = attempt(request, Form(request.POST), lambda data: check_again(actor(request), found))
    if sent.failure:
        messages.error(request, str(sent.failure))
    return redirect("plan", pk)


@posted("plan")
def plan_compare(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk, "compare_host_key")
    form = ComparisonForm(request.POST)
    sent = attempt(request, form, lambda data: compare_for(actor(request), found, **data))
    if not sent.done:
        return page(request, found, ApprovalForm(initial={"digest": found.digest}), sent.failure, form)
    messages.success(request, _("The host key is accepted. The plan can be approved now."))
    return redirect("plan", pk)


@posted("plan")
def reject(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk, "decide")
    form = ApprovalForm(request.POST)
    outcome = attempt(request, form, lambda data: reject_plan(actor(request), found, **data))
    if not outcome.done:
        return page(request, found, form, outcome.failure)
    messages.success(request, _("Rejected. The requester sees the reason."))
    return redirect("plan", pk)


def _misfit(found: Plan) -> list[str]:
    """Why the plan does not fit what its replica is by now, in words."""
    try:
        require_state(found, found.replica)
    except Conflict as error:
        return [error.message]
    return []


def page(
    request: SignedInRequest,
    found: Plan,
    form: ApprovalForm,
    failure: PortalError | None = None,
    comparison: ComparisonForm | None = None,
) -> HttpResponse:
    waiting = found.state == PlanState.WAITING
    decisions = list(found.approvals.select_related("approver"))
    policy = found.frozen_job().policy
    done = any(decision.approver_id == request.user.pk for decision in decisions)
    context = {
        "plan": found,
        "stages": by_stage(found.steps, lambda step: step["stage"]),
        "lasting": lasting(found.steps),
        "options": described(found.frozen_job()),
        "host_key": HostKeyFacts.of(found),
        "uncompared": waiting and uncompared(found),
        "may_compare": permissions.may(request.user, "compare_host_key", found),
        "comparison": comparison or ComparisonForm(auto_id="id_compare_%s"),
        "passwords": found.credentials.filter(name__in=CredentialName.values),
        "approvals": decisions,
        "policy": policy,
        "given": sum(decision.decision == Decision.APPROVE for decision in decisions),
        "done": done,
        "void": [*differences(found), *_misfit(found)] if waiting else [],
        "acts": plan_acts(request, found),
        "checks": Findings.of(found, timezone.now()),
        "may_check": waiting and permissions.may(request.user, "check"),
        "own": found.requested_by_id == request.user.pk,
        "may_decide": waiting and not done and permissions.may(request.user, "decide", found),
        "form": form,
        "failure": failure,
    }
    return render(request, "plans/detail.html", context)

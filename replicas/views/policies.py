"""The policy of a realm; running without approval, and what comes after it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from replicas import permissions
from replicas.actions import break_glass as actions
from replicas.actions.policies import set_policy
from replicas.choices import PlanState
from replicas.forms.policies import BreakGlassForm, PolicyForm, ReviewForm, StartNowForm
from replicas.models import ApprovalPolicy, Bypass, Master, Plan, Run
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import Act, Outcome, actor, attempt


@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: SignedInRequest, pk: int) -> HttpResponse:
    """Of the realm that the master `pk` belongs to."""
    require(request, "set_policy")
    master = get_object_or_404(Master.objects.select_related("realm"), pk=pk)
    now = ApprovalPolicy.objects.filter(realm=master.realm).first() or ApprovalPolicy(realm=master.realm)
    short = _short(now)
    form = PolicyForm(request.POST or None, instance=now)
    sent = Outcome(False)
    if request.method == "POST":
        sent = attempt(request, form, lambda data: set_policy(actor(request), master.realm, **data))
        if sent.done:
            messages.success(request, _voided(sent.value))
            if short := _short(ApprovalPolicy.objects.get(realm=master.realm)):
                messages.warning(request, short)
            return redirect("master", pk)
    context = {"master": master, "form": form, "failure": sent.failure, "short": short}
    return render(request, "masters/policy.html", context)


def _short(policy: ApprovalPolicy) -> str:
    """What is told of a policy that not every plan can satisfy: it is stored, as approvers may come later."""
    able = permissions.sure_deciders(policy.groups)
    if able >= policy.most_needed:
        return ""
    return _(
        "Approvals that a plan may need by this policy: %(needed)d. People who can be sure to give one: %(able)d, as "
        "nobody approves a request of their own. Until there are more approvers, not every plan can be approved."
    ) % {"needed": policy.most_needed, "able": able}


def _voided(number: int) -> str:
    text = ngettext(
        "The policy is stored. %(n)d plan that waited would now need something else, and is void.",
        "The policy is stored. %(n)d plans that waited would now need something else, and are void.",
        number,
    )
    return text % {"n": number} if number else _("The policy is stored.")


@posted("plan")
def break_glass(request: SignedInRequest, pk: int) -> HttpResponse:
    require(request, "break_glass")
    plan = get_object_or_404(Plan.objects.select_related("replica__host_key", "requested_by"), pk=pk)
    form = BreakGlassForm(request.POST)
    sent = attempt(request, form, lambda data: actions.break_glass(actor(request), plan, **data))
    if not sent.done:
        messages.error(request, str(sent.failure or _("Say why.")))
        return redirect("plan", pk)
    messages.warning(
        request, _("It runs without approval. Everybody who was passed by is told; somebody else reviews it.")
    )
    return redirect("run", sent.value.pk)


@posted("run")
def review(request: SignedInRequest, pk: int) -> HttpResponse:
    """The mark on the run `pk`."""
    require(request, "review_bypass")
    bypass = get_object_or_404(Bypass.objects.select_related("run__plan__replica"), run_id=pk)
    sent = attempt(request, ReviewForm(request.POST), lambda data: actions.review(actor(request), bypass, **data))
    if sent.done:
        messages.success(request, _("Reviewed. The mark is taken away, and the history keeps both."))
    else:
        messages.error(request, str(sent.failure or _("Say what you found.")))
    return redirect("run", pk)


@posted("run")
def start_now(request: SignedInRequest, pk: int) -> HttpResponse:
    require(request, "break_glass")
    run = get_object_or_404(Run.objects.select_related("plan__replica"), pk=pk)
    sent = attempt(request, StartNowForm(request.POST), lambda data: actions.start_now(actor(request), run, **data))
    if sent.done:
        messages.success(request, _("The run begins."))
    else:
        messages.error(request, str(sent.failure or _("Say why.")))
    return redirect("run", pk)


def plan_acts(request: SignedInRequest, plan: Plan) -> list[Act]:
    """What an administrator may do with a plan that waits."""
    if plan.state != PlanState.WAITING or not permissions.may(request.user, "break_glass"):
        return []
    return [
        Act(
            url=reverse("break_glass", args=[plan.pk]),
            form=BreakGlassForm(initial={"digest": plan.digest}, auto_id="id_glass_%s"),
            label=gettext_lazy("Run without approval"),
            help=gettext_lazy(
                "For emergencies. Everybody who could have approved is told at once, with your reason, and the run "
                "carries a mark until somebody else has reviewed it."
            ),
            symbol="warning",
            style="btn-outline-danger",
        )
    ]


def run_acts(request: SignedInRequest, run: Run, bypass: Bypass | None) -> list[Act]:
    """A held run is started by administrators; a run without approval is reviewed by somebody who took no part."""
    acts = []
    if run.held and permissions.may(request.user, "break_glass"):
        acts.append(
            Act(
                url=reverse("start_now", args=[run.pk]),
                form=StartNowForm(auto_id="id_start_%s"),
                label=gettext_lazy("Start now"),
                help=gettext_lazy("Before its maintenance window opens."),
                symbol="play",
            )
        )
    if bypass and not bypass.reviewed_by_id and may_review(request, bypass):
        acts.append(
            Act(
                url=reverse("review", args=[run.pk]),
                form=ReviewForm(auto_id="id_review_%s"),
                label=gettext_lazy("Review"),
                help=gettext_lazy("Say what you found. The mark goes; the history keeps both reasons."),
                symbol="check",
            )
        )
    return acts


def may_review(request: SignedInRequest, bypass: Bypass) -> bool:
    took_part = request.user.pk in (bypass.by_id, bypass.requester_id)
    return not took_part and permissions.may(request.user, "review_bypass")

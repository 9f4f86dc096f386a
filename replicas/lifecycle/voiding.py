"""Plans that are no longer what would be done, or were not approved in time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from replicas import audit
from replicas.choices import PlanAction, PlanState, ReplicaState, RunState
from replicas.lifecycle.credentials import wipe
from replicas.lifecycle.job import Job, Options, Policy
from replicas.lifecycle.order import hold
from replicas.models import ApprovalPolicy, AuditEvent, Master, Plan, Realm, Replica, Run
from replicas.permissions import Actor
from replicas.realm_rules import OF_DNS

OF_THE_PLAN = ("bundle_hours", "keep_bundle", "host_gone_reason", "removal_reason", "instead_of")
"""Options that come from the portal's settings or with the plan itself, not from the request."""
FORWARDING = ("forwarders", "no_forwarders", "forward_policy", "no_dnssec_validation")
DOGTAG = ("pki_config_override", "token_name", "token_library_path", "token_password_file", "skip_mem_check")
OF_AN_ACTION: dict[str, tuple[str, ...]] = {
    PlanAction.DNS: ("setup_dns", *FORWARDING, *OF_DNS),
    PlanAction.CA: ("setup_ca", *DOGTAG),
    PlanAction.KRA: ("setup_kra", *DOGTAG),
    PlanAction.HIDE: ("hidden_replica",),
    PlanAction.UNHIDE: ("hidden_replica",),
    PlanAction.REINITIALIZE: ("suffix", "partner"),
    PlanAction.SEGMENT: ("suffix", "partner"),
}
"""Likewise, of plans for what is added or changed later."""
AGAIN: dict[str, Any] = {
    PlanAction.INSTALL: gettext_lazy(
        "Undo the installation if it has changed something, then request the replica again. The new plan needs an "
        "approval."
    ),
    PlanAction.UNDO: gettext_lazy("Request the undo again. The new plan needs an approval."),
    PlanAction.REMOVE: gettext_lazy("Request the removal again. The new plan needs an approval."),
}
CHANGE_AGAIN = gettext_lazy("Request the same change again. The new plan needs an approval.")
RETRIED = {RunState.FAILED: "run:fail", RunState.CANCELLED: "run:cancelled"}
"""How a run ends again that was retried, and has not gone on."""
QUEUED = Q(state=RunState.QUEUED, lease_until=None)
"""No worker has had it since it was approved, or retried."""


def ask_again(action: str) -> str:
    """Return what to do when a plan of that kind cannot go on as it was approved."""
    return str(AGAIN.get(action, CHANGE_AGAIN))


def policy_of(realm: Realm, job: Job) -> Policy:
    """What the realm asks for now, for a plan of this job."""
    found = ApprovalPolicy.objects.filter(realm=realm).first()
    return found.for_plan(job.options) if found else Policy()


def master_of(replica: Replica, job: Job) -> Master:
    """The registered master that the job works with: the replica's own, or the one that is there in its place."""
    if job.master.hostname == replica.master.hostname:
        return replica.master
    others = Master.objects.filter(realm=replica.master.realm_id, hostname=job.master.hostname)
    return others.select_related("host_key").first() or replica.master


def differences(plan: Plan) -> list[str]:
    """What has changed since the plan was frozen, in words; its steps are compared before they run."""
    replica, job = plan.replica, plan.frozen_job()
    realm = replica.master.realm
    changed = [(realm.facts() != job.realm, _("The realm %(realm)s was changed.") % {"realm": realm})]
    if names := ", ".join(name.replace("_", "-") for name in _other_options(plan, job)):
        words = _("The request for %(host)s has other options now: %(options)s.")
        changed.append((True, words % {"host": replica, "options": names}))
    return of_the_approval(plan) + [words for differs, words in changed if differs]


def of_the_approval(plan: Plan) -> list[str]:
    """The same of what matters to a retry as well: under which policy it was approved, and for which hosts."""
    replica, job = plan.replica, plan.frozen_job()
    realm, other = replica.master.realm, _("%(host)s has another address or host key.")
    under = _("The policy for approvals in %(realm)s was changed.") % {"realm": realm}
    changed = [
        (policy_of(realm, job) != job.policy, under),
        (master_of(replica, job).endpoint() != job.master, other % {"host": job.master.hostname}),
        (replica.endpoint() != job.replica, other % {"host": replica}),
    ]
    return [words for differs, words in changed if differs]


def _other_options(plan: Plan, job: Job) -> list[str]:
    """What the request says otherwise now, uploaded certificates included."""
    own = OF_THE_PLAN + OF_AN_ACTION.get(plan.action, ())
    now, names = plan.replica.options(), (field.name for field in dataclasses.fields(Options))
    return [name for name in names if name not in own and getattr(now, name) != getattr(job.options, name)]


@transaction.atomic
def void(plan: Plan, reason: str) -> bool:
    """End a plan that waits; the request can be made again. False when it waits no more."""
    hold(plan.replica_id)
    waiting = Plan.objects.filter(pk=plan.pk, state=PlanState.WAITING)
    if waiting.select_for_update(no_key=True).first() is None:
        return False
    _end_plan(plan, reason, PlanState.WAITING)
    return True


def void_outdated(realm: Realm) -> int:
    """After a change of the realm's policy: every plan in it that the change touches, if nothing of it has begun.

    A run that was retried and waits ends again as it was; its plan stays. Belongs into a transaction that holds the
    realm (`order.hold_realms`), so that nobody approves or retries meanwhile. Returns how many plans are void.
    """
    waiting = Plan.objects.filter(state=PlanState.WAITING, replica__master__realm=realm)
    with translation.override(None):  # it is stored
        found = [(plan, differences(plan)) for plan in waiting.select_related("replica__master__realm")]
        voided = sum(void(plan, " ".join(why)) for plan, why in found if why)
        for run in _not_begun(realm):
            if run.started_at is None:
                voided += _call_off(run, differences(run.plan))
            else:
                _end_again(run, of_the_approval(run.plan))
    return voided


def _not_begun(realm: Realm) -> QuerySet[Run]:
    """Approved runs that wait for a worker or a window; a bypass and a revocation need no approval."""
    queued = Run.objects.filter(QUEUED, bypass=None, plan__replica__master__realm=realm)
    return queued.exclude(plan__action=PlanAction.REVOKE).select_related("plan__replica__master__realm")


def _call_off(run: Run, why: Sequence[str]) -> bool:
    """End an approved plan whose run has not begun, if there is a reason. False when a worker has it by now."""
    mine = Run.objects.filter(QUEUED, pk=run.pk)
    if not why or mine.select_for_update(no_key=True).first() is None:
        return False
    reason = " ".join(why)
    wipe(Actor.system(), run.plan)
    mine.update(state=RunState.CANCELLED, finished_at=Now(), held_until=None, error=reason)
    _end_plan(run.plan, reason, PlanState.APPROVED)
    return True


def _end_again(run: Run, why: Sequence[str]) -> None:
    """Take back that a run was retried, if there is a reason and no worker has it: what it did before stays done."""
    mine = Run.objects.filter(QUEUED, pk=run.pk)
    if not why or mine.select_for_update(no_key=True).first() is None:
        return
    state, reason = _before_the_retry(run), " ".join(why)
    wipe(Actor.system(), run.plan)
    mine.update(state=state, finished_at=Now(), held_until=None, error=reason, remedy=ask_again(run.plan.action))
    if run.plan.action == PlanAction.INSTALL:
        before = ReplicaState.STOPPED if state == RunState.CANCELLED else ReplicaState.FAILED
        Replica.objects.filter(pk=run.plan.replica_id, state=ReplicaState.APPROVED).update(state=before)
    queued, after = {"state": RunState.QUEUED}, {"state": state, "error": reason}
    audit.record(Actor.system(), RETRIED[state], run, before=queued, after=after, reason=reason)


def _before_the_retry(run: Run) -> RunState:
    """Failed or cancelled: the history knows."""
    retries = AuditEvent.objects.filter(kind="run", object_id=str(run.pk), verb="run:retry").order_by("-pk")
    before = retries.values_list("before__state", flat=True).first()
    return RunState.CANCELLED if before == RunState.CANCELLED else RunState.FAILED


def _end_plan(plan: Plan, reason: str, state: PlanState) -> None:
    """The passwords go first, as the database deletes them with the plan, and leaves no trace."""
    wipe(Actor.system(), plan)
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.VOID)
    if plan.action == PlanAction.INSTALL:
        plan.replica.state = ReplicaState.CANCELLED
        plan.replica.save(update_fields=["state"])
    before, after = {"state": state}, {"state": PlanState.VOID}
    audit.record(Actor.system(), "plan:void", plan, before=before, after=after, reason=reason)


def expire() -> int:
    """Plans that were not approved in time."""
    late = Plan.objects.filter(state=PlanState.WAITING, expires_at__lt=Now())
    words = _("It was not approved within %(hours)s hours, as the policy of the realm asks.")
    return sum(
        void(plan, words % {"hours": plan.job["policy"]["expiry_hours"]}) for plan in late.select_related("replica")
    )

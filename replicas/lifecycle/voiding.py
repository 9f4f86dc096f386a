"""Plans that are no longer what would be done, or were not approved in time."""

from __future__ import annotations

import dataclasses

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from replicas import audit
from replicas.choices import PlanAction, PlanState, ReplicaState, RunState
from replicas.lifecycle.credentials import wipe
from replicas.lifecycle.job import Job, Options, Policy
from replicas.models import ApprovalPolicy, Master, Plan, Realm, Replica, Run
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
    today = dataclasses.replace(
        job,
        realm=realm.facts(),
        master=master_of(replica, job).endpoint(),
        replica=replica.endpoint(),
        policy=policy_of(realm, job),
    )
    changed = [
        (today.policy != job.policy, _("The policy for approvals in %(realm)s was changed.") % {"realm": realm}),
        (today.master != job.master, _("%(host)s has another address or host key.") % {"host": job.master.hostname}),
        (today.replica != job.replica, _("%(host)s has another address or host key.") % {"host": replica}),
        (today.realm != job.realm, _("The realm %(realm)s was changed.") % {"realm": realm}),
    ]
    if names := ", ".join(name.replace("_", "-") for name in _other_options(plan, job)):
        words = _("The request for %(host)s has other options now: %(options)s.")
        changed.append((True, words % {"host": replica, "options": names}))
    return [words for differs, words in changed if differs]


def _other_options(plan: Plan, job: Job) -> list[str]:
    """What the request says otherwise now, uploaded certificates included."""
    own = OF_THE_PLAN + OF_AN_ACTION.get(plan.action, ())
    now, names = plan.replica.options(), (field.name for field in dataclasses.fields(Options))
    return [name for name in names if name not in own and getattr(now, name) != getattr(job.options, name)]


@transaction.atomic
def void(plan: Plan, reason: str) -> bool:
    """End a plan that waits; the request can be made again. False when it waits no more."""
    if not Plan.objects.filter(pk=plan.pk, state=PlanState.WAITING).update(state=PlanState.VOID):
        return False
    wipe(Actor.system(), plan)
    if plan.action == PlanAction.INSTALL:
        plan.replica.state = ReplicaState.CANCELLED
        plan.replica.save(update_fields=["state"])
    before, after = {"state": PlanState.WAITING}, {"state": PlanState.VOID}
    audit.record(Actor.system(), "plan:void", plan, before=before, after=after, reason=reason)
    return True


def void_outdated(realm: Realm) -> int:
    """After a change of the realm's policy: every plan in it that the change touches, if nothing of it has begun."""
    waiting = Plan.objects.filter(state=PlanState.WAITING, replica__master__realm=realm)
    with translation.override(None):  # it is stored
        found = [(plan, differences(plan)) for plan in waiting.select_related("replica__master__realm")]
        queued = [(run, differences(run.plan)) for run in _not_begun(realm)]
    voided = sum(void(plan, " ".join(why)) for plan, why in found if why)
    return voided + sum(_call_off(run, " ".join(why)) for run, why in queued if why)


def _not_begun(realm: Realm) -> QuerySet[Run]:
    """Approved runs that wait for a worker or a window; a bypass and a revocation need no approval."""
    queued = Run.objects.filter(state=RunState.QUEUED, started_at=None, bypass=None, plan__replica__master__realm=realm)
    return queued.exclude(plan__action=PlanAction.REVOKE).select_related("plan__replica__master__realm")


@transaction.atomic
def _call_off(run: Run, reason: str) -> bool:
    """End an approved plan whose run has not begun. False when a worker has it by now."""
    mine = Run.objects.filter(pk=run.pk, state=RunState.QUEUED, started_at=None)
    if not mine.update(state=RunState.CANCELLED, finished_at=Now(), held_until=None, error=reason):
        return False
    plan = run.plan
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.VOID)
    wipe(Actor.system(), plan)
    if plan.action == PlanAction.INSTALL:
        plan.replica.state = ReplicaState.CANCELLED
        plan.replica.save(update_fields=["state"])
    before, after = {"state": PlanState.APPROVED}, {"state": PlanState.VOID}
    audit.record(Actor.system(), "plan:void", plan, before=before, after=after, reason=reason)
    return True


def expire() -> int:
    """Plans that were not approved in time."""
    late = Plan.objects.filter(state=PlanState.WAITING, expires_at__lt=Now())
    words = _("It was not approved within %(hours)s hours, as the policy of the realm asks.")
    return sum(
        void(plan, words % {"hours": plan.job["policy"]["expiry_hours"]}) for plan in late.select_related("replica")
    )

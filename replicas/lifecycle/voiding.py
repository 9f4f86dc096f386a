"""Plans that are no longer what would be done, or were not approved in time."""

from __future__ import annotations

import dataclasses

from django.db import transaction
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from replicas import audit
from replicas.choices import PlanAction, PlanState, ReplicaState
from replicas.lifecycle.credentials import wipe
from replicas.lifecycle.job import Job, Policy
from replicas.models import ApprovalPolicy, Plan, Realm
from replicas.permissions import Actor


def policy_of(realm: Realm, job: Job) -> Policy:
    """What the realm asks for now, for a plan of this job."""
    found = ApprovalPolicy.objects.filter(realm=realm).first()
    return found.for_plan(job.options) if found else Policy()


def differences(plan: Plan) -> list[str]:
    """What has changed since the plan was frozen, in words; its steps are compared before they run."""
    replica, job = plan.replica, plan.frozen_job()
    realm = replica.master.realm
    today = dataclasses.replace(
        job,
        realm=realm.facts(),
        master=replica.master.endpoint(),
        replica=replica.endpoint(),
        policy=policy_of(realm, job),
    )
    changed = [
        (today.policy != job.policy, _("The policy for approvals in %(realm)s was changed.") % {"realm": realm}),
        (today.master != job.master, _("%(host)s has another address or host key.") % {"host": replica.master}),
        (today.replica != job.replica, _("%(host)s has another address or host key.") % {"host": replica}),
        (today.realm != job.realm, _("The realm %(realm)s was changed.") % {"realm": realm}),
    ]
    return [words for differs, words in changed if differs]


@transaction.atomic
def void(plan: Plan, reason: str) -> bool:
    """End a plan that waits; the request can be made again. False when it waits no more."""
    wipe(Actor.system(), plan)
    if not Plan.objects.filter(pk=plan.pk, state=PlanState.WAITING).update(state=PlanState.VOID):
        return False
    if plan.action == PlanAction.INSTALL:
        plan.replica.state = ReplicaState.CANCELLED
        plan.replica.save(update_fields=["state"])
    before, after = {"state": PlanState.WAITING}, {"state": PlanState.VOID}
    audit.record(Actor.system(), "plan:void", plan, before=before, after=after, reason=reason)
    return True


def void_outdated(realm: Realm) -> int:
    """After a change of the realm's policy: every plan in it that waits and that the change touches."""
    waiting = Plan.objects.filter(state=PlanState.WAITING, replica__master__realm=realm)
    with translation.override(None):  # it is stored
        found = [(plan, differences(plan)) for plan in waiting.select_related("replica__master__realm")]
    return sum(void(plan, " ".join(why)) for plan, why in found if why)


def expire() -> int:
    """Plans that were not approved in time."""
    late = Plan.objects.filter(state=PlanState.WAITING, expires_at__lt=Now())
    words = _("It was not approved within %(hours)s hours, as the policy of the realm asks.")
    return sum(
        void(plan, words % {"hours": plan.job["policy"]["expiry_hours"]}) for plan in late.select_related("replica")
    )

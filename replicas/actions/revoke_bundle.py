"""Revoke a bundle: at once for the portal, then by a run on the hosts. As that only takes away, nobody approves it."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions import plans
from replicas.actions.alone import require_alone
from replicas.actions.approve import queue
from replicas.choices import BundleState, PlanState, ReplicaState
from replicas.errors import Conflict
from replicas.lifecycle import bundles
from replicas.lifecycle.steps import sealed
from replicas.models import Bundle, Plan, Run
from replicas.permissions import Actor, require

SERVING = (ReplicaState.VERIFIED, ReplicaState.RUNNING, ReplicaState.REMOVING)


@transaction.atomic
def revoke_bundle(actor: Actor, bundle: Bundle, reason: str) -> Run:
    """Mark it as revoked, and queue the run that revokes its certificates and removes its file from both hosts.

    Raises NotAllowed, Conflict (revoked already, certificates in service, a run at work, a plan that waits),
    ValidationError without a reason.
    """
    replica = bundle.replica
    user = require(actor, "revoke", replica)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: later readers want to know.")})
    require_alone(replica)
    bundle.refresh_from_db()
    replica.refresh_from_db()
    _require_revocable(bundle)
    plan = plans.draft(user, replica, "revoke")
    plan.state = PlanState.APPROVED
    plan.save()
    bundles.change(actor, bundle, "bundle:revoke", reason, state=BundleState.REVOKED)
    _tell_its_run(bundle)
    after = {"digest": plan.digest, "steps": [step["title"] for step in plan.steps], "approval": "not needed"}
    audit.record(actor, "plan:submit", plan, after=after, reason=reason)
    return queue(actor, plan, hold=False)


def revocable(bundle: Bundle) -> bool:
    """Whether nobody relies on it, and it is not revoked yet."""
    replica = bundle.replica
    in_service = bundle.state == BundleState.USED and (replica.state in SERVING or replica.removal_begun)
    return bundle.state != BundleState.REVOKED and not in_service


def _require_revocable(bundle: Bundle) -> None:
    if bundle.state == BundleState.REVOKED:
        raise Conflict(_("The bundle is revoked already."), _("If its run failed, try that again."))
    if not revocable(bundle):
        raise Conflict(
            _("The certificates of this bundle are in service on %(host)s.") % {"host": bundle.replica.hostname},
            _("The removal of the replica revokes them too: request it, or finish it."),
        )
    if Plan.objects.filter(replica=bundle.replica, state=PlanState.WAITING).exists():
        raise Conflict(
            _("Another plan for %(host)s is waiting for its approval.") % {"host": bundle.replica.hostname},
            _("Have it decided or cancel it first."),
        )


def _tell_its_run(bundle: Bundle) -> None:
    """So that a retry seals another one, even if this one could not be removed; no run is active now."""
    run = Run.objects.get(pk=bundle.run_id)
    if run.facts.get(sealed.SHA256) == bundle.sha256:
        Run.objects.filter(pk=run.pk).update(facts={**run.facts, sealed.REVOKED: bundle.sha256})

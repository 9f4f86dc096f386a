"""Freeze what will be done into a plan that waits for its approval."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.alone import require_alone
from replicas.backends import registry
from replicas.errors import Conflict
from replicas.lifecycle import plan as plans
from replicas.lifecycle.job import Action, Job
from replicas.lifecycle.voiding import policy_of
from replicas.models import Master, Plan, Replica
from replicas.permissions import Actor, require


def freeze(
    actor: Actor, replica: Replica, action: Action, reason: str = "", master: Master | None = None, **options: Any
) -> Plan:
    """Store the plan of an action on a saved replica, with options other than the replica's own where given.

    `master` is another server than the replica's own master that the realm is worked on from.

    Belongs into the caller's transaction. Raises NotAllowed, Conflict when another plan waits or a run is at work.
    """
    user = require(actor, "request")
    require_alone(replica)
    plan = draft(user, replica, action, master, **options)
    try:
        with transaction.atomic():
            plan.save()
    except IntegrityError as error:
        raise Conflict(
            _("Another plan for %(host)s is waiting for its approval.") % {"host": replica.hostname},
            _("Have it decided or cancel it first."),
        ) from error
    after = {"digest": plan.digest, "steps": [step["title"] for step in plan.steps]}
    audit.record(actor, "plan:submit", plan, after=after, reason=reason)
    return plan


def draft(user: User, replica: Replica, action: Action, master: Master | None = None, **options: Any) -> Plan:
    """The plan, not stored yet."""
    realm = replica.master.realm
    job = Job(
        action=action,
        realm=realm.facts(),
        master=(master or replica.master).endpoint(),
        replica=replica.endpoint(),
        options=replace(replica.options(), **options),
    )
    job = replace(job, policy=policy_of(realm, job))
    steps, digest = plans.freeze(registry.get(realm.backend), job)
    hours = job.policy.expiry_hours
    return Plan(
        replica=replica,
        action=action,
        job=job.to_json(),
        steps=steps,
        digest=digest,
        requested_by=user,
        expires_at=timezone.now() + timedelta(hours=hours) if hours else None,
    )

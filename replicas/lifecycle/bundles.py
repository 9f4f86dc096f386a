"""What the portal knows of the bundle of a run: a row that follows the facts, in the transaction that ends a step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from replicas import audit
from replicas.choices import BundleState
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import sealed
from replicas.models import Bundle, Replica, Run
from replicas.permissions import Actor

UNUSED = (BundleState.SEALED, BundleState.EXPIRED)


def follow(run: Run, job: Job, facts: Mapping[str, Any]) -> None:
    """Sealed, used, revoked, removed: as the facts say, each once, with its event."""
    if not facts.get(sealed.SHA256):
        return
    bundle = Bundle.objects.filter(replica=run.plan.replica, sha256=facts[sealed.SHA256]).first()
    if bundle is None:
        bundle = _seal(run, job, facts)
    if sealed.is_about(facts, sealed.OPENED) and bundle.state in UNUSED:
        change(Actor.system(), bundle, "bundle:use", state=BundleState.USED, used_at=timezone.now())
    if sealed.is_about(facts, sealed.REMOVED) and bundle.removed_at is None:
        change(Actor.system(), bundle, "bundle:remove", removed_at=timezone.now())


def _seal(run: Run, job: Job, facts: Mapping[str, Any]) -> Bundle:
    """The new row; what it takes the place of has been revoked and removed."""
    for old in Bundle.objects.filter(run=run, removed_at=None):
        change(Actor.system(), old, "bundle:replace", state=BundleState.REVOKED, removed_at=timezone.now())
    bundle = Bundle.objects.create(
        replica=run.plan.replica,
        run=run,
        path=job.bundle_path,
        sha256=facts[sealed.SHA256],
        size=facts[sealed.SIZE],
        certificates=facts.get(sealed.SERIALS, {}),
        expires_at=sealed.expires_at(facts) or timezone.now() + timedelta(hours=job.options.bundle_hours),
    )
    after = {
        "path": bundle.path,
        "sha256": bundle.sha256,
        "certificates": bundle.certificates,
        "expires_at": bundle.expires_at.isoformat(),
    }
    audit.record(Actor.system(), "bundle:seal", bundle, after=after)
    return bundle


def expire() -> int:
    """Mark what was never opened and has had its time. Returns how many there were.

    The facts of the run say it too, and more exactly: this is what people see, and where they find what to revoke.
    """
    due = Bundle.objects.filter(state=BundleState.SEALED, expires_at__lte=Now()).select_related("run")
    # One that has just been opened is marked as used when its step ends.
    return sum(_expire(bundle) for bundle in due if not sealed.is_about(bundle.run.facts, sealed.OPENED))


@transaction.atomic
def _expire(bundle: Bundle) -> bool:
    """False when somebody else has changed it in the meantime."""
    sealed_still = Bundle.objects.filter(pk=bundle.pk, state=BundleState.SEALED)
    if not sealed_still.update(state=BundleState.EXPIRED):
        return False
    before, after = {"state": BundleState.SEALED}, {"state": BundleState.EXPIRED}
    audit.record(Actor.system(), "bundle:expire", bundle, before=before, after=after)
    return True


def end(replica: Replica) -> None:
    """The replica is gone, and with it its certificates and files. Belongs into a transaction."""
    now = timezone.now()
    for bundle in Bundle.objects.filter(replica=replica).exclude(state=BundleState.REVOKED, removed_at__isnull=False):
        removed = bundle.removed_at or now
        change(Actor.system(), bundle, "bundle:revoke", state=BundleState.REVOKED, removed_at=removed)


def change(actor: Actor, bundle: Bundle, verb: str, reason: str = "", **changes: Any) -> None:
    """Write and record; belongs into a transaction."""
    before = {name: getattr(bundle, name) for name in changes}
    for name, value in changes.items():
        setattr(bundle, name, value)
    bundle.save(update_fields=list(changes))
    audit.record(actor, verb, bundle, before=_plain(before), after=_plain(changes), reason=reason)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}

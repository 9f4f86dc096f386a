"""The history: events appended in the caller's transaction, each holding the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from replicas import notices
from replicas.models import AuditEvent
from replicas.permissions import Actor

GENESIS = "0" * 64
VERBS = frozenset(
    f"{subject}:{action}"
    for subject, actions in {
        "master": ("register", "unregister"),
        "hostkey": ("accept",),
        "credential": ("set", "use", "rotate", "wipe"),
        "user": ("add", "change"),
        "webhook": ("add", "change", "remove"),
        "replica": ("request", "resubmit", "change"),
        "plan": ("submit", "approve", "reject", "cancel"),
        "run": ("queue", "start", "cancel", "retry", "succeed", "fail", "cancelled"),
        "bundle": ("seal", "use", "expire", "revoke", "replace", "remove"),
    }.items()
    for action in actions
)
_POSTGRES_LOCK = 0x5265706C  # any number that nothing else in the database locks


def record(
    actor: Actor,
    verb: str,
    obj: Model,
    *,
    before: Any = None,
    after: Any = None,
    reason: str = "",
) -> AuditEvent:
    """Append one event; the caller's transaction makes it part of the change that it tells of.

    Raises ValueError for a verb that is not registered, TransactionManagementError outside of a transaction.
    """
    if verb not in VERBS:
        raise ValueError(f"{verb} is not a registered verb of the history")
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit.record() belongs into the transaction of the change")
    event = AuditEvent(
        at=timezone.now(),
        actor=actor.name,
        verb=verb,
        kind=obj._meta.model_name or "",
        object_id=str(obj.pk),
        label=str(obj)[:300],
        address=actor.address,
        reason=reason,
        before=before,
        after=after,
        previous=_last_digest(),
    )
    event.digest = digest(event)
    event.save()
    notices.follow(event, obj)
    return event


def digest(event: AuditEvent) -> str:
    """SHA-256 (hex) over the canonical JSON of everything in the event but its own digest and row number."""
    fields = {
        name: getattr(event, name)
        for name in ("actor", "verb", "kind", "object_id", "label", "address", "reason", "before", "after", "previous")
    }
    fields["at"] = event.at.isoformat()
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def verify() -> AuditEvent | None:
    """The first event that does not fit the chain, or None. Finds edits, deletions in the middle and reordering."""
    previous = GENESIS
    for event in AuditEvent.objects.order_by("pk").iterator(chunk_size=2000):
        if event.previous != previous or event.digest != digest(event):
            return event
        previous = event.digest
    return None


def _last_digest() -> str:
    """SQLite's immediate transactions leave one writer at a time; PostgreSQL needs a lock until the commit."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_POSTGRES_LOCK])
    return AuditEvent.objects.order_by("-pk").values_list("digest", flat=True).first() or GENESIS

"""The history: events appended in the caller's transaction, each holding the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone, translation

from replicas import notices, requestid
from replicas.models import AuditEvent
from replicas.permissions import Actor

GENESIS = "0" * 64
VERBS = frozenset(
    f"{subject}:{action}"
    for subject, actions in {
        "access": ("refuse",),
        "bundle": ("seal", "use", "expire", "revoke", "replace", "remove"),
        "credential": ("set", "use", "rotate", "wipe", "fail", "refuse"),
        "group": ("add", "remove"),
        "history": ("export", "verify"),
        "hostkey": ("accept",),
        "master": ("register", "change", "unregister"),
        "plan": ("submit", "insist", "check", "approve", "reject", "cancel", "bypass", "void"),
        "policy": ("set",),
        "replica": ("request", "resubmit", "change"),
        "run": (
            "queue",
            "hold",
            "release",
            "start",
            "cancel",
            "retry",
            "succeed",
            "fail",
            "cancelled",
            "export",
            "review",
        ),  # fmt: skip
        "session": ("begin", "end", "fail", "refuse"),
        "user": ("add", "change"),
        "webhook": ("add", "change", "test", "remove"),
    }.items()
    for action in actions
)
_POSTGRES_LOCK = 0x5265706C  # any number that nothing else in the database locks
_FIELDS = ("actor", "verb", "kind", "object_id", "label", "address", "reason", "before", "after", "previous")


class Subject(NamedTuple):
    """What an event is about when that is no row: a page, or the history itself."""

    kind: str
    object_id: str
    label: str


def record(
    actor: Actor,
    verb: str,
    obj: Model | Subject,
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
    with translation.override(None):  # one record, in one language, whichever the actor reads
        about = obj if isinstance(obj, Subject) else Subject(obj._meta.model_name or "", str(obj.pk), str(obj))
        reason = str(reason)
    alone()
    previous = AuditEvent.objects.order_by("-pk").values_list("digest", flat=True).first() or GENESIS
    event = AuditEvent(
        at=timezone.now(),  # within the lock: times rise with the numbers
        actor=actor.name,
        verb=verb,
        kind=about.kind,
        object_id=about.object_id,
        label=about.label[:300],
        address=actor.address,
        reason=reason,
        before=before,
        after=after,
        request_id=requestid.current.get() or None,
        previous=previous,
    )
    event.digest = digest(event)
    event.save()
    if isinstance(obj, Model):
        notices.follow(event, obj)
    return event


def alone() -> None:
    """Nobody else appends until the caller's transaction ends; what it reads of the history from here on stays true.

    SQLite's immediate transactions leave one writer at a time; PostgreSQL needs a lock until the commit.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_POSTGRES_LOCK])


def digest(event: AuditEvent) -> str:
    """SHA-256 (hex) over the canonical JSON of everything in the event but its own digest and row number.

    Canonical: keys sorted, no white space, ASCII. A missing request id is left out.
    """
    fields = {name: getattr(event, name) for name in _FIELDS}
    fields["at"] = event.at.isoformat()
    if event.request_id:
        fields["request_id"] = event.request_id
    return hashlib.sha256(canonical(fields)).hexdigest()


def canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()

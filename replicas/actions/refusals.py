"""What somebody was refused: noted, so that trying doors is seen."""

from __future__ import annotations

from django.db import transaction

from replicas import audit
from replicas.audit import Subject
from replicas.permissions import Actor


@transaction.atomic
def refused(actor: Actor, kind: str, object_id: str, label: str, reason: str = "") -> None:
    """Note that a signed-in person was refused; `kind` is that of the thing, or "page"."""
    audit.record(actor, "access:refuse", Subject(kind, object_id, label), reason=reason)

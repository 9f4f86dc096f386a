"""What auditors do with the history: both are told of in it."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from replicas import audit
from replicas.audit import Subject
from replicas.models import AuditEvent, Run
from replicas.permissions import Actor, require
from replicas.tasks import verify_history

HISTORY = Subject("history", "", "history")


@transaction.atomic
def export(actor: Actor, form: str, filters: Mapping[str, str]) -> AuditEvent:
    """Note that somebody takes the history, or what the filters let through, with him. Raises NotAllowed."""
    require(actor, "view")
    return audit.record(actor, "history:export", HISTORY, after={"form": form, "filters": dict(filters)})


@transaction.atomic
def export_log(actor: Actor, run: Run) -> None:
    """Note that somebody takes the log of a run with him. Raises NotAllowed."""
    require(actor, "view", run)
    audit.record(actor, "run:export", run)


@transaction.atomic
def verify(actor: Actor) -> None:
    """Have a worker verify the history. Raises NotAllowed."""
    require(actor, "verify_history")
    audit.record(actor, "history:verify", HISTORY)
    transaction.on_commit(lambda: verify_history(actor.name))

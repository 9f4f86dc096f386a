"""The passwords of one run: opened for it, and wiped with it when they were given for it alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from replicas import audit, keyring
from replicas.lifecycle.fencing import fenced
from replicas.lifecycle.lease import Lease
from replicas.models import Credential, Plan, PlanCredential, Run
from replicas.models.credentials import Sealed
from replicas.permissions import Actor


def unlock(run: Run) -> dict[str, str]:
    """The run's passwords by name: those given for it alone, and the realm's for the others.

    Raises PortalError when the key ring cannot open one.
    """
    realm = Credential.objects.select_related("realm").filter(realm=run.plan.replica.master.realm)
    own = PlanCredential.objects.select_related("plan__replica").filter(plan=run.plan)
    with transaction.atomic():
        found: dict[str, Sealed] = {row.name: row for row in (*realm, *own)}
        return {name: _open(row, run) for name, row in found.items()}


@contextmanager
def wiping(run: Run, lease: Lease) -> Iterator[None]:
    """The transaction that ends a run: its own passwords go first. Raises LeaseLost."""
    with fenced(lease.run_id, lease.fence):
        wipe(Actor.system(), run.plan)
        yield


def wipe(actor: Actor, plan: Plan) -> None:
    """Delete the passwords that were given for the plan's run alone, with a trace.

    Belongs before the change of state that ends plan or run, at which the database itself deletes what is left.
    """
    Plan.objects.select_for_update().get(pk=plan.pk)  # before the history's lock, as everybody takes them
    for row in PlanCredential.objects.select_related("plan__replica").filter(plan=plan):
        audit.record(actor, "credential:wipe", row, before={"key_id": row.key_id, "set_by": row.set_by})
        row.delete()


def _open(row: Sealed, run: Run) -> str:
    audit.record(Actor.system(), "credential:use", row, reason=f"Run {run.pk}: {run.plan}")
    return keyring.unseal(row)

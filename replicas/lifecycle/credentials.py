"""The passwords of one run: opened for it, and wiped with it when they were given for it alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

from django.db import transaction

from replicas import audit, keyring
from replicas.lifecycle.fencing import fenced
from replicas.lifecycle.lease import Lease
from replicas.models import Credential, CredentialName, Draft, Plan, PlanCredential, Realm, Run
from replicas.models.credentials import Sealed
from replicas.permissions import Actor


def unlock(run: Run) -> dict[str, str]:
    """The run's passwords by name: those given for it alone, and the realm's for the others.

    Raises PortalError when the key ring cannot open one.
    """
    return _unlock(run.plan.frozen_job().realm.name, _given(run.plan), f"Run {run.pk}: {run.plan}")


def of_plan(plan: Plan) -> dict[str, str]:
    """The same for the checks before there is a run."""
    return _unlock(plan.frozen_job().realm.name, _given(plan), f"Checks before {plan}")


def of_draft(draft: Draft) -> dict[str, str]:
    """The same before the plan is submitted: what was given is still within the form."""
    given = {name: value for name, value in dict(parse_qsl(draft.disclose())).items() if name in CredentialName.values}
    stored = _unlock(draft.frozen_job().realm.name, [], f"Checks before {draft}", but=given.keys())
    return stored | given


def of_realm(realm: Realm, name: str) -> dict[str, str]:
    """That one of the realm's, for looking at it; nothing when it is not stored."""
    return _unlock(realm.name, [], f"A look at {realm}", but=set(CredentialName.values) - {name})


def _given(plan: Plan) -> Iterable[Sealed]:
    return PlanCredential.objects.select_related("plan__replica").filter(plan=plan)


@transaction.atomic
def _unlock(realm: str, own: Iterable[Sealed], why: str, but: Collection[str] = ()) -> dict[str, str]:
    stored = Credential.objects.select_related("realm").filter(realm__name=realm).exclude(name__in=but)
    found: dict[str, Sealed] = {row.name: row for row in (*stored, *own)}
    return {name: _open(row, why) for name, row in found.items()}


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


def _open(row: Sealed, why: str) -> str:
    audit.record(Actor.system(), "credential:use", row, reason=why)
    return keyring.unseal(row)

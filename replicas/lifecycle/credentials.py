"""The secrets of one run: opened for it, and wiped with it when they were given for it alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qsl

from django.db import transaction
from django.db.models import QuerySet

from replicas import audit, keyring
from replicas.lifecycle.fencing import fenced
from replicas.lifecycle.lease import Lease
from replicas.lifecycle.order import holding
from replicas.models import Credential, CredentialName, Draft, Plan, PlanCredential, Realm, Run, UploadName
from replicas.models.credentials import Sealed
from replicas.permissions import Actor

TELLING_LINE = 16
"""Characters; the last line of a key may have fewer, and tells nobody anything."""


def unlock(run: Run) -> dict[str, str]:
    """The run's passwords and uploaded certificates by name: those given for it alone, and the realm's for the others.

    Raises PortalError when the key ring cannot open one.
    """
    return _unlock(run.plan.frozen_job().realm.name, _given(run.plan), f"Run {run.pk}: {run.plan}")


def of_plan(plan: Plan) -> dict[str, str]:
    """The same for the checks before there is a run."""
    passwords = _given(plan).filter(name__in=CredentialName.values)  # no check needs an uploaded key
    return _unlock(plan.frozen_job().realm.name, passwords, f"Checks before {plan}")


@transaction.atomic
def of_draft(draft: Draft) -> dict[str, str]:
    """The same before the plan is submitted: what was given is still within the form."""
    given = _within(draft)
    why = f"Checks before {draft}"
    for name in sorted(given):
        audit.record(Actor.system(), "credential:use", draft, after={"name": name}, reason=why)
    stored = _unlock(draft.frozen_job().realm.name, [], why, but=given.keys())
    return stored | given


def names_given(row: Draft | Plan) -> frozenset[str]:
    """Return the names of the passwords that were entered for this request alone."""
    if isinstance(row, Plan):
        return frozenset(_given(row).filter(name__in=CredentialName.values).values_list("name", flat=True))
    return frozenset(_within(row))


def _within(draft: Draft) -> dict[str, str]:
    sent = dict(parse_qsl(draft.disclose()))
    return {name: value for name, value in sent.items() if name in CredentialName.values}


def of_realm(realm: Realm, name: str) -> dict[str, str]:
    """That one of the realm's, for looking at it; nothing when it is not stored."""
    return _unlock(realm.name, [], f"A look at {realm}", but=set(CredentialName.values) - {name})


def for_reading(actor: Actor, realm: Realm, name: str) -> dict[str, str]:
    """The same for somebody who has a master of the realm read anew, who is named in the history."""
    why = f"A master of {realm} is read anew"
    with transaction.atomic():
        rows = Credential.objects.select_related("realm").filter(realm=realm, name=name)
        return {row.name: _open(row, why, actor) for row in rows}


def _given(plan: Plan) -> QuerySet[PlanCredential]:
    return PlanCredential.objects.select_related("plan__replica").filter(plan=plan)


@transaction.atomic
def _unlock(realm: str, own: Iterable[Sealed], why: str, but: Collection[str] = ()) -> dict[str, str]:
    stored = Credential.objects.select_related("realm").filter(realm__name=realm).exclude(name__in=but)
    found: dict[str, Sealed] = {row.name: row for row in (*stored, *own)}
    return {name: _open(row, why) for name, row in found.items()}


def words(secrets: Mapping[str, str]) -> Iterator[str]:
    """What must not show up in a log: passwords as they are, and a key by its lines, as a line is what a log has."""
    for name, secret in secrets.items():
        if name in UploadName.values:
            key = secret.partition("-----END")[0]
            yield from (line for line in key.splitlines()[1:] if len(line) >= TELLING_LINE)
        else:
            yield secret


@contextmanager
def wiping(run: Run, lease: Lease) -> Iterator[None]:
    """The transaction that ends a run: its own passwords go first. Raises LeaseLost."""
    with holding(run.plan.replica_id), fenced(lease.run_id, lease.fence):
        wipe(Actor.system(), run.plan)
        yield


def wipe(actor: Actor, plan: Plan) -> None:
    """Delete the passwords that were given for the plan's run alone, with a trace.

    Belongs before the change of state that ends plan or run, at which the database itself deletes what is left.
    """
    Plan.objects.select_for_update(no_key=True).get(pk=plan.pk)  # before the history's lock, as everybody takes them
    for row in PlanCredential.objects.select_related("plan__replica").filter(plan=plan):
        audit.record(actor, "credential:wipe", row, before={"key_id": row.key_id, "set_by": row.set_by})
        row.delete()


def _open(row: Sealed, why: str, actor: Actor | None = None) -> str:
    audit.record(actor or Actor.system(), "credential:use", row, reason=why)
    return keyring.unseal(row)

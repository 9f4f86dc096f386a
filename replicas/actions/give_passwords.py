"""Keep passwords and uploaded certificates for one plan's run alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import cast

from django.utils import timezone

from replicas import audit, keyring
from replicas.backends import registry
from replicas.lifecycle.job import Action
from replicas.models import Credential, CredentialName, Plan, PlanCredential, Replica, UploadName
from replicas.permissions import Actor

NONE: Mapping[str, str] = MappingProxyType({})


def give_passwords(
    actor: Actor, plan: Plan, passwords: Mapping[str, str], proved: Collection[str] = frozenset()
) -> None:
    """Store those that are given, by name (CredentialName, UploadName), until the run ends.

    `proved` are the names of those that the realm has just accepted.

    Then lifecycle/credentials.py wipes them. Belongs into the transaction of the action that makes or retries the plan,
    which has authorised the actor. Raises PortalError when the key ring cannot be read.
    """
    for name in (*CredentialName.values, *UploadName.values):
        if password := passwords.get(name, ""):
            envelope = keyring.seal(password, PlanCredential(plan=plan, name=name).owner)
            credential, _created = PlanCredential.objects.update_or_create(
                plan=plan,
                name=name,
                defaults={
                    **envelope._asdict(),
                    "set_by": actor.name,
                    "proved_at": timezone.now() if name in proved else None,
                },
            )
            audit.record(actor, "credential:set", credential, after={"key_id": envelope.key_id})


def missing_passwords(plan: Plan) -> list[str]:
    """The names (CredentialName) of what the plan's run needs, and neither is stored nor was given."""
    stored = Credential.objects.filter(realm__masters__replicas__plans=plan).values_list("name", flat=True)
    given = PlanCredential.objects.filter(plan=plan).values_list("name", flat=True)
    return _unknown(plan.replica, plan.action, stored.union(given))


def lacking(replica: Replica, action: str) -> list[str]:
    """The names of what a run of that action (PlanAction) needs, and is not stored."""
    stored = Credential.objects.filter(realm=replica.master.realm_id).values_list("name", flat=True)
    return _unknown(replica, action, stored)


def _unknown(replica: Replica, action: str, known: Iterable[str]) -> list[str]:
    there = set(known)
    needed = registry.needs(replica.master.realm.backend, cast(Action, str(action)))
    return [name for name in needed if name not in there]

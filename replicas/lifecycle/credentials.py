"""The passwords of a realm, opened for one run; every use leaves a trace."""

from __future__ import annotations

from django.db import transaction

from replicas import audit, keyring
from replicas.models import Credential, Run
from replicas.permissions import Actor


def unlock(run: Run) -> dict[str, str]:
    """All passwords of the run's realm by name. Raises PortalError when the key ring cannot open one."""
    with transaction.atomic():
        return {
            credential.name: _open(credential, run)
            for credential in Credential.objects.select_related("realm").filter(realm=run.plan.replica.master.realm)
        }


def _open(credential: Credential, run: Run) -> str:
    audit.record(Actor.system(), "credential:use", credential, reason=f"Run {run.pk}: {run.plan}")
    return keyring.decrypt(credential.key_id, bytes(credential.ciphertext), credential.owner)

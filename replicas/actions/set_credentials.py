"""Store passwords of a realm, encrypted."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from replicas import audit, keyring
from replicas.models import Credential, CredentialName, Realm
from replicas.permissions import Actor, require


@transaction.atomic
def set_credentials(actor: Actor, realm: Realm, passwords: Mapping[str, str]) -> None:
    """Replace those that are given, by name (CredentialName); empty ones stay as they are. Raises NotAllowed."""
    require(actor, "set_credentials")
    for name in CredentialName.values:
        if password := passwords.get(name, ""):
            envelope = keyring.seal(password, Credential(realm=realm, name=name).owner)
            credential, _created = Credential.objects.update_or_create(
                realm=realm, name=name, defaults={**envelope._asdict(), "set_by": actor.name}
            )
            audit.record(actor, "credential:set", credential, after={"key_id": envelope.key_id})

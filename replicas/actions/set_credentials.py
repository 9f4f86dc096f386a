"""Store passwords and the keytab of a realm, encrypted."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit, keyring
from replicas.backends import registry
from replicas.clients.keytab import KeytabError, principals
from replicas.errors import PortalError
from replicas.models import Credential, CredentialName, KeytabName, Realm
from replicas.permissions import Actor, require


@transaction.atomic
def set_credentials(actor: Actor, realm: Realm, secrets: Mapping[str, str]) -> None:
    """Replace those that are given, by name (CredentialName, KeytabName); empty ones stay as they are.

    A keytab is given as base64. Raises NotAllowed, KeytabError, and PortalError where the kind of realm takes none.
    """
    require(actor, "set_credentials")
    if keytab := secrets.get(KeytabName.KEYTAB, ""):
        _check(realm, keytab)
    for name in (*CredentialName.values, *KeytabName.values):
        if secret := secrets.get(name, ""):
            envelope = keyring.seal(secret, Credential(realm=realm, name=name).owner)
            credential, _created = Credential.objects.update_or_create(
                realm=realm, name=name, defaults={**envelope._asdict(), "set_by": actor.name}
            )
            audit.record(actor, "credential:set", credential, after={"key_id": envelope.key_id})


@transaction.atomic
def remove_keytab(actor: Actor, realm: Realm) -> None:
    """From now on, the password of admin signs in again. Raises NotAllowed."""
    require(actor, "set_credentials")
    for row in Credential.objects.select_for_update().filter(realm=realm, name=KeytabName.KEYTAB):
        audit.record(actor, "credential:wipe", row, before={"key_id": row.key_id, "set_by": row.set_by})
        row.delete()


def _check(realm: Realm, keytab: str) -> None:
    if not registry.takes_keytab(realm.backend):
        raise PortalError(_("A realm of this kind does not take a keytab."), _("Leave it out."))
    try:
        found = list(dict.fromkeys(principals(base64.b64decode(keytab))))
    except KeytabError as error:
        raise KeytabError(
            _("This is not a Kerberos keytab, or a damaged one."),
            _("Choose the file that ipa-getkeytab or ktutil wrote, copied as binary."),
        ) from error
    if not any(principal.endswith(f"@{realm.name}") for principal in found):
        given = {"realm": realm.name, "found": ", ".join(found) or _("nobody")}
        raise KeytabError(
            _("The keytab has no key of the realm %(realm)s, but of %(found)s.") % given,
            _("Get one of an account of the realm: ipa-getkeytab -p ACCOUNT -k FILE."),
        )

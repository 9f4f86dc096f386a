"""Store passwords and the keytab of a realm, encrypted."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from replicas import audit, keyring
from replicas.actions.prove_passwords import Proof, job_at, prove
from replicas.backends import registry
from replicas.clients.keytab import KeytabError, principals
from replicas.errors import PortalError
from replicas.models import Credential, CredentialName, KeytabName, Master, Realm
from replicas.permissions import Actor, require


def replace_credentials(actor: Actor, master: Master, secrets: Mapping[str, str], unproved: bool = False) -> Proof:
    """Prove the secrets that are given, by name, at a master of their realm; then replace the stored ones.

    With `unproved`, those that could not be proved are stored as well, and marked. Raises ValidationError by name for
    wrong ones, PortalError when the realm could not be asked, and as `set_credentials`.
    """
    require(actor, "set_credentials")
    if keytab := secrets.get(KeytabName.KEYTAB, ""):
        _check(master.realm, keytab)
    proof = prove(actor, job_at(master), secrets)
    if proof.unproved and not unproved:
        raise PortalError(
            _("Nothing was stored. %(why)s") % {"why": proof},
            _("Enter them again when %(host)s answers, or choose to store them unproved.") % {"host": master.hostname},
        )
    set_credentials(actor, master.realm, secrets, proof.proved)
    return proof


@transaction.atomic
def set_credentials(
    actor: Actor, realm: Realm, secrets: Mapping[str, str], proved: Collection[str] = frozenset()
) -> None:
    """Replace those that are given, by name (CredentialName, KeytabName); empty ones stay as they are.

    `proved` are the names of those that the realm has just accepted. A keytab is given as base64. Raises
    NotAllowed, KeytabError, and PortalError where the kind of realm takes none.
    """
    require(actor, "set_credentials")
    if keytab := secrets.get(KeytabName.KEYTAB, ""):
        _check(realm, keytab)
    for name in (*CredentialName.values, *KeytabName.values):
        if secret := secrets.get(name, ""):
            envelope = keyring.seal(secret, Credential(realm=realm, name=name).owner)
            credential, _created = Credential.objects.update_or_create(
                realm=realm,
                name=name,
                defaults={
                    **envelope._asdict(),
                    "set_by": actor.name,
                    "proved_at": timezone.now() if name in proved else None,
                },
            )
            after = {"key_id": envelope.key_id, "proved": name in proved}
            audit.record(actor, "credential:set", credential, after=after)


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

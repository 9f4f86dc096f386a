"""Passwords of a realm, passwords and uploaded keys of one plan alone, encrypted; each use is in the history."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from replicas import keyring
from replicas.models.requests import Plan
from replicas.models.topology import Realm


class CredentialName(models.TextChoices):
    """What the procedure asks for."""

    DIRECTORY_MANAGER = "directory_manager", _("Directory Manager password")
    ADMIN = "admin", _("Kerberos password of admin")


class KeytabName(models.TextChoices):
    """What a realm may have beside its passwords, if its kind takes one (Backend.takes_keytab)."""

    KEYTAB = "keytab", _("Kerberos keytab")


class UploadName(models.TextChoices):
    """Certificates that are uploaded for one replica, each with its key and its chain (PEM)."""

    DIRSRV = "dirsrv_certificate", _("certificate of the Directory Server")
    HTTP = "http_certificate", _("certificate of the web server")
    PKINIT = "pkinit_certificate", _("certificate of the KDC")


class Sealed(models.Model):
    """One encrypted secret: `data_key` is wrapped with the key `key_id` of the ring and opens `ciphertext`.

    Without a data key, the key of the ring opens the ciphertext itself (replicas/keyring.py).
    """

    SUBJECT: ClassVar[str] = ""
    """The relation that says whose secret it is; empty when the row itself does."""

    name = models.CharField(max_length=20, choices=CredentialName)
    key_id = models.CharField(max_length=40)
    data_key = models.BinaryField(db_default=b"", default=b"")
    ciphertext = models.BinaryField()
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    @property
    def owner(self) -> str:
        """What the ciphertext is bound to."""
        raise NotImplementedError

    def enclose(self, secret: str) -> Self:
        """Take the secret in, encrypted; the row is not saved. Raises PortalError when the ring cannot be read."""
        self.key_id, self.data_key, self.ciphertext = keyring.seal(secret, self.owner)
        return self


class Credential(Sealed):
    """A secret of a realm, kept until it is replaced; a keytab as base64."""

    SUBJECT = "realm"
    name = models.CharField(max_length=20, choices=[*CredentialName.choices, *KeytabName.choices])
    realm = models.ForeignKey(Realm, on_delete=models.CASCADE, related_name="credentials")
    proved_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the realm accepted it; empty where that was not seen.")
    )

    class Meta:
        constraints = (models.UniqueConstraint("realm", "name", name="credential_unique"),)

    def __str__(self) -> str:
        return f"{self.get_name_display()} of {self.realm}"

    @property
    def owner(self) -> str:
        return f"{self.realm.name}/{self.name}"


class PlanCredential(Sealed):
    """A secret for one plan's run only; wiped when the run ends, or when there will be none."""

    SUBJECT = "plan__replica"
    name = models.CharField(max_length=20, choices=[*CredentialName.choices, *UploadName.choices])
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="credentials")
    proved_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the realm accepted it; empty where that was not seen.")
    )

    class Meta:
        constraints = (models.UniqueConstraint("plan", "name", name="plan_credential_unique"),)

    def __str__(self) -> str:
        return f"{self.get_name_display()} for {self.plan}"

    @property
    def owner(self) -> str:
        return f"plan {self.plan_id}/{self.name}"

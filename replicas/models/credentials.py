"""Passwords of a realm, encrypted; only the worker opens them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from replicas.models.topology import Realm


class CredentialName(models.TextChoices):
    """What the procedure asks for."""

    DIRECTORY_MANAGER = "directory_manager", _("Directory Manager password")
    ADMIN = "admin", _("Kerberos password of admin")


class Credential(models.Model):
    """One secret of a realm. `ciphertext` is opened with the key `key_id` of the ring (replicas/keyring.py)."""

    realm = models.ForeignKey(Realm, on_delete=models.CASCADE, related_name="credentials")
    name = models.CharField(max_length=20, choices=CredentialName)
    key_id = models.CharField(max_length=40)
    ciphertext = models.BinaryField()
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint("realm", "name", name="credential_unique"),)

    def __str__(self) -> str:
        return f"{self.get_name_display()} of {self.realm}"

    @property
    def owner(self) -> str:
        """What the ciphertext is bound to."""
        return f"{self.realm.name}/{self.name}"

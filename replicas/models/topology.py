"""Realms, their masters, and the pinned host keys of every host that the portal speaks to."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.choices import Comparison
from replicas.lifecycle.job import Endpoint, RealmFacts


class Realm(models.Model):
    """A Kerberos realm with its DNS domain and directory suffix, as read from its first master."""

    name = models.CharField(_("realm"), max_length=253, unique=True, validators=[validators.validate_realm])
    domain = models.CharField(_("DNS domain"), max_length=253, validators=[validators.validate_zone])
    suffix = models.CharField(_("directory suffix"), max_length=500)
    backend = models.CharField(max_length=20, default="native")
    dns = models.BooleanField(_("integrated DNS"))
    ca_certificate = models.TextField(_("certificate of the authority"))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def facts(self) -> RealmFacts:
        return RealmFacts(self.name, self.domain, self.suffix, self.backend, self.dns, self.ca_certificate)


class HostKey(models.Model):
    """The SSH key that a host must present. One row a host; a new key is accepted by a person, with a reason."""

    hostname = models.CharField(_("hostname"), max_length=253, unique=True, validators=[validators.validate_hostname])
    key = models.TextField(_("public key"))
    fingerprint = models.CharField(_("fingerprint"), max_length=80)
    accepted_by = models.CharField(max_length=150)
    accepted_at = models.DateTimeField(auto_now_add=True)
    reason = models.TextField(blank=True)
    compared = models.CharField(
        max_length=10, choices=Comparison, blank=True, default="", db_default="", help_text=_("Empty: nobody did.")
    )

    class Meta:
        ordering = ("hostname",)
        constraints = (validators.lowercase_hostname_check("hostkey"),)

    def __str__(self) -> str:
        return f"{self.hostname} {self.fingerprint}"


class SSHTarget(models.Model):
    """How the portal reaches a host."""

    hostname = models.CharField(_("hostname"), max_length=253, validators=[validators.validate_hostname])
    ssh_address = models.GenericIPAddressField(_("SSH address"))
    ssh_port = models.PositiveIntegerField(
        _("SSH port"), default=22, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    ssh_user = models.CharField(
        _("SSH user"), max_length=validators.MAX_LOGIN, default="root", validators=[validators.validate_login]
    )
    host_key = models.ForeignKey(HostKey, on_delete=models.PROTECT, verbose_name=_("pinned host key"))

    class Meta:
        abstract = True

    def endpoint(self) -> Endpoint:
        return Endpoint(self.hostname, self.ssh_address, self.host_key.key, self.ssh_port, self.ssh_user)


class Master(SSHTarget):
    """A server of a realm that replicas are made from."""

    realm = models.ForeignKey(Realm, on_delete=models.PROTECT, related_name="masters")
    ca = models.BooleanField(_("has the authority's key"))
    versions = models.JSONField(default=dict)
    offers = models.JSONField(null=True, blank=True)
    registered_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("hostname",)
        constraints = (
            models.UniqueConstraint("hostname", name="master_hostname_unique"),
            validators.lowercase_hostname_check("master"),
        )

    def __str__(self) -> str:
        return self.hostname

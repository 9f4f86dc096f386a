"""Bundles: what the portal knows of each replica information file. The file itself lies on the hosts only."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from replicas.choices import BundleState
from replicas.models.requests import Replica
from replicas.models.runs import Run


class Bundle(models.Model):
    """A sealed replica information file, for one host, used once. A run may seal another one when the first expired."""

    replica = models.ForeignKey(Replica, on_delete=models.PROTECT, related_name="bundles")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="bundles")
    path = models.CharField(_("path"), max_length=300)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.PositiveIntegerField(_("size in bytes"))
    certificates = models.JSONField(_("certificates"), default=dict, help_text=_("Serial numbers by purpose."))
    state = models.CharField(max_length=8, choices=BundleState, default=BundleState.SEALED)
    sealed_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(_("removed from the hosts"), null=True, blank=True)

    class Meta:
        ordering = ("-sealed_at",)
        indexes = (models.Index(fields=["-sealed_at"], name="bundle_newest"),)
        constraints = (models.UniqueConstraint("run", "sha256", name="bundle_once_a_run"),)

    def __str__(self) -> str:
        return self.path

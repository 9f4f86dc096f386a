"""Requests that are not submitted yet: the plan that each of them would be, for the person who asks to look at."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from replicas import keyring
from replicas.choices import PlanAction
from replicas.lifecycle.job import Job
from replicas.models.requests import Checked, Replica


class Draft(Checked):
    """A form that was filled in, sealed because passwords may be in it, and the plan that it makes.

    `act` names the form (replicas/views/wishes.py), `replica` the row that it is about; there is none yet for a request
    of a new one. The row goes when the plan is submitted or discarded, or after DRAFT_HOURS.
    """

    table = models.UUIDField(
        null=True, blank=True, db_index=True, help_text=_("Common to the requests of one table, submitted together.")
    )
    act = models.SlugField(max_length=20)
    replica = models.ForeignKey(Replica, on_delete=models.CASCADE, null=True, blank=True, related_name="drafts")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts")
    created_at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=10, choices=PlanAction)
    job = models.JSONField()
    steps = models.JSONField(help_text=_("As the plan's."))
    digest = models.CharField(max_length=64)
    fingerprint = models.CharField(
        max_length=80, blank=True, default="", db_default="", help_text=_("That the request brings for the host's key.")
    )
    unproved = models.JSONField(
        null=True, blank=True, help_text=_("Passwords (CredentialName) that could not be proved when they were typed.")
    )
    key_id = models.CharField(max_length=40)
    data_key = models.BinaryField()
    ciphertext = models.BinaryField()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.job['replica']['hostname']}"

    @property
    def owner(self) -> str:
        """What the ciphertext is bound to."""
        return f"draft {self.requested_by_id}/{self.digest}"

    def enclose(self, form: str) -> None:
        """Take in what the form was sent with, URL-encoded. Raises PortalError when the key ring cannot be read."""
        self.key_id, self.data_key, self.ciphertext = keyring.seal(form, self.owner)

    def disclose(self) -> str:
        """What `enclose` took in. Raises PortalError."""
        return keyring.unseal(self)

    def frozen_job(self) -> Job:
        return Job.from_json(self.job)

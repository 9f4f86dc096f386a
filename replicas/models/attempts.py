"""Passwords of realms that people type, tried at the realm: each attempt is a row until one succeeds."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class PasswordAttempt(models.Model):
    """An attempt that is under way or failed. Names are text: an attempt counts, whatever becomes of realm and user."""

    realm = models.CharField(max_length=253)
    account = models.CharField(max_length=20, help_text=_("CredentialName or KeytabName."))
    user = models.CharField(max_length=150)
    at = models.DateTimeField(db_index=True)
    wrong = models.BooleanField(default=False, db_default=False, help_text=_("Whether it has ended, and failed."))

    class Meta:
        ordering = ("-at",)
        indexes = (
            models.Index("realm", "account", name="attempt_realm"),
            models.Index("user", name="attempt_user"),
        )

    def __str__(self) -> str:
        return f"{self.account} of {self.realm} by {self.user}"

"""What the portal saw when it last looked at a realm."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from replicas.choices import RealmLevel
from replicas.models.topology import Realm

READ_AT = "read_at"
"""The key of `health` with the time (ISO 8601) at which the check that filled it ended."""


class RealmLook(models.Model):
    """The newest health check of a realm.

    `asked_at` is when the next one was requested, `started_at` when a worker began it, `at` when the last one ended.
    """

    realm = models.OneToOneField(Realm, on_delete=models.CASCADE, related_name="look")
    asked_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    health = models.JSONField(null=True, blank=True, help_text=_("Of lifecycle.base.Health."))
    dns = models.JSONField(
        default=list, blank=True, help_text=_("Each expected record: record, host, and what is wrong by name server.")
    )
    summary = models.JSONField(
        null=True,
        blank=True,
        help_text=_("Of lifecycle.rating: what lists of realms show, which do not read the rest."),
    )
    level = models.PositiveSmallIntegerField(
        choices=RealmLevel, default=RealmLevel.UNKNOWN, db_default=RealmLevel.UNKNOWN.value
    )
    # Beside the summary, in which the version before this one knows no such key.
    silent = models.PositiveIntegerField(
        _("silent name servers"),
        null=True,
        db_default=0,
        help_text=_("Name servers of the realm's zones that did not answer."),
    )
    error = models.TextField(blank=True)
    remedy = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.realm} {self.at}"

    @property
    def stale(self) -> bool:
        """Whether the newest check failed, so that what is stored is of an earlier one."""
        return bool(self.error and self.health)

    @property
    def read_at(self) -> datetime | None:
        """When what is stored was read; None when an older portal stored it."""
        moment = (self.health or {}).get(READ_AT)
        return datetime.fromisoformat(moment) if moment else None

"""What the portal saw when it last looked at a realm."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from replicas.choices import RealmLevel
from replicas.models.topology import Realm


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

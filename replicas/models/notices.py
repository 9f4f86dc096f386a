"""What people are told, and the outbox of what goes by e-mail and to webhooks."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from replicas.choices import DeliveryState, EmailWish, NoticeKind, RunState, WebhookFormat
from replicas.models.credentials import Sealed
from replicas.models.requests import Plan
from replicas.models.runs import Run


class Notice(models.Model):
    """One person is told one thing about a plan or its run. Who did it is text, as in the history."""

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=NoticeKind)
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="notices")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, null=True, related_name="notices")
    actor = models.CharField(max_length=150)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)
        indexes = (
            models.Index(fields=["recipient"], condition=Q(read_at=None), name="notice_unread"),
            models.Index(fields=["recipient", "-id"], name="notice_of_person"),
        )

    def __str__(self) -> str:
        return f"{self.title}: {self.plan}"

    @property
    def title(self) -> str:
        """The kind in words: a plan is cancelled, but a run is stopped."""
        if self.kind == NoticeKind.CANCELLED and self.run_id:
            return str(RunState.CANCELLED.label)
        return self.get_kind_display()


class EmailChoice(models.Model):
    """Which notices a person also wants by e-mail, and in which language; without a row all of them, in English."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="email_choice")
    wish = models.CharField(_("by e-mail"), max_length=9, choices=EmailWish, default=EmailWish.ALL)
    language = models.CharField(
        _("language of e-mails"), max_length=10, default=settings.LANGUAGE_CODE, db_default=settings.LANGUAGE_CODE
    )

    def __str__(self) -> str:
        return f"{self.user}: {self.wish}"


class Webhook(Sealed):
    """An address that is told everything, or the kinds in `kinds`; the sealed secret signs what it is sent."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    url = models.URLField(_("address"), max_length=500)
    kinds = models.JSONField(_("what it is told"), default=list, blank=True)
    active = models.BooleanField(_("in use"), default=True)
    format = models.CharField(
        _("format"),
        max_length=10,
        choices=WebhookFormat,
        default=WebhookFormat.SIGNED,
        db_default=WebhookFormat.SIGNED.value,
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def owner(self) -> str:
        return f"webhook {self.name}"

    @property
    def signed(self) -> bool:
        """Whether its receiver checks a signature. A chat trusts whoever knows the address."""
        return self.format == WebhookFormat.SIGNED

    @property
    def place(self) -> str:
        """The part of the address that may be shown: the rest of it is often as good as a password."""
        parts = urlsplit(self.url)
        rest = "…" if parts.path.strip("/") or parts.query else ""
        return f"{parts.scheme}://{parts.netloc}/{rest}"


class Delivery(models.Model):
    """A notice on its way by e-mail, or a body on its way to a webhook; claimed by moving `due_at` on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, null=True, related_name="deliveries")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, null=True, related_name="deliveries")
    body = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(notice=None, webhook__isnull=False) | Q(notice__isnull=False, webhook=None),
                name="delivery_to_one",
            ),
        )
        indexes = (
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="delivery_due"),
            models.Index(fields=["webhook", "-created_at"], name="delivery_of_webhook"),
        )

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"

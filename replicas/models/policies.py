"""What a realm asks for before anything is run in it, and what was run all the same."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.lifecycle.job import Options, Policy
from replicas.models.runs import Run
from replicas.models.topology import Realm

MOST_APPROVALS = 9


class ApprovalPolicy(models.Model):
    """The policy of a realm; without a row one approver decides, at any time. Frozen into every plan (`for_plan`)."""

    realm = models.OneToOneField(Realm, on_delete=models.CASCADE, related_name="policy")
    needed = models.PositiveSmallIntegerField(
        _("approvals"), default=1, validators=[MinValueValidator(1), MaxValueValidator(MOST_APPROVALS - 2)]
    )
    extra_for_ca = models.BooleanField(_("one more for a certificate authority"), default=False)
    extra_for_dns = models.BooleanField(_("one more for DNS service"), default=False)
    groups = models.JSONField(_("only people of these groups"), default=list, blank=True)
    expiry_hours = models.PositiveIntegerField(
        _("hours to approve"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(8760)]
    )
    windows = models.JSONField(_("maintenance windows"), default=list, blank=True)
    zone = models.CharField(
        _("time zone of the windows"), max_length=60, default="UTC", validators=[validators.validate_zone_name]
    )
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(needed__gte=1, needed__lte=MOST_APPROVALS - 2), name="policy_needs_some_approvals"
            ),
        )

    def __str__(self) -> str:
        return f"{self.realm}"

    @property
    def most_needed(self) -> int:
        """By a plan for a replica with everything."""
        return self.needed + self.extra_for_ca + self.extra_for_dns

    def for_plan(self, options: Options) -> Policy:
        """What holds for a plan with these options."""
        extra = (self.extra_for_ca and options.setup_ca) + (self.extra_for_dns and options.setup_dns)
        return Policy(
            needed=self.needed + extra,
            groups=tuple(self.groups),
            expiry_hours=self.expiry_hours,
            windows=tuple(self.windows),
            zone=self.zone,
        )


class Bypass(models.Model):
    """A run that began without the approvals it needed: a mark, until somebody else has reviewed it."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="bypass")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bypasses")
    reason = models.TextField()
    at = models.DateTimeField(auto_now_add=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review = models.TextField(blank=True)

    class Meta:
        ordering = ("-at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(reviewed_by=None) | (~Q(reviewed_by=F("by")) & ~Q(reviewed_by=F("requester"))),
                name="bypass_reviewed_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by=None, reviewed_at=None)
                | Q(reviewed_by__isnull=False, reviewed_at__isnull=False),
                name="bypass_review_is_whole",
            ),
        )

    def __str__(self) -> str:
        return f"{self.run}"

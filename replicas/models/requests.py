"""Replicas, the plans made for them, and the approvals given to plans."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.choices import (
    PLANS_OF_REMOVAL,
    REPLICA_ENDED,
    Decision,
    ForwardPolicy,
    PlanAction,
    PlanState,
    ReplicaState,
)
from replicas.lifecycle.job import Job, Options
from replicas.models.topology import Master, SSHTarget


class Replica(SSHTarget):
    """A request for a replica, with every option of the guide; later the replica itself."""

    master = models.ForeignKey(Master, on_delete=models.PROTECT, related_name="replicas", verbose_name=_("master"))
    state = models.CharField(max_length=12, choices=ReplicaState, default=ReplicaState.REQUESTED)
    ip_addresses = models.JSONField(_("IP addresses"), default=list, blank=True)
    reverse_zone = models.CharField(
        _("reverse zone"), max_length=253, blank=True, validators=[validators.validate_reverse_zone]
    )
    no_reverse = models.BooleanField(_("no reverse zone"), default=False)
    setup_ca = models.BooleanField(_("set up a certificate authority"), default=False)
    setup_dns = models.BooleanField(_("set up DNS"), default=False)
    forwarders = models.JSONField(_("DNS forwarders"), default=list, blank=True)
    no_forwarders = models.BooleanField(_("no forwarders"), default=False)
    forward_policy = models.CharField(
        _("forward policy"), max_length=5, choices=ForwardPolicy, default=ForwardPolicy.FIRST
    )
    no_dnssec_validation = models.BooleanField(_("no DNSSEC validation"), default=False)
    skip_conncheck_reason = models.TextField(_("reason for skipping the connection check"), blank=True)
    other_host_reason = models.TextField(_("reason for accepting a bundle of another host"), blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="replicas")
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint("hostname", condition=~Q(state__in=REPLICA_ENDED), name="replica_hostname_in_use"),
            validators.lowercase_hostname_check("replica"),
            models.CheckConstraint(
                condition=~Q(no_reverse=True) | Q(reverse_zone=""), name="replica_reverse_exclusive"
            ),
            models.CheckConstraint(
                condition=~Q(ip_addresses=[]) | (Q(no_reverse=False) & Q(reverse_zone="")),
                name="replica_reverse_needs_address",
            ),
            validators.addresses_check("replica", "ip_addresses"),
            validators.addresses_check("replica", "forwarders"),
            models.CheckConstraint(
                condition=Q(setup_dns=True)
                | Q(forwarders=[], no_forwarders=False, no_dnssec_validation=False, forward_policy=ForwardPolicy.FIRST),
                name="replica_forwarders_need_dns",
            ),
            models.CheckConstraint(
                condition=Q(forward_policy=ForwardPolicy.FIRST) | ~Q(forwarders=[]),
                name="replica_only_needs_forwarders",
            ),
            models.CheckConstraint(
                condition=~Q(setup_dns=True)
                | (Q(no_forwarders=True) & Q(forwarders=[]))
                | (Q(no_forwarders=False) & ~Q(forwarders=[])),
                name="replica_dns_needs_forwarders",
            ),
        )

    def __str__(self) -> str:
        return self.hostname

    def clean(self) -> None:
        validators.check_options(self)

    def options(self) -> Options:
        return Options(
            ip_addresses=tuple(self.ip_addresses),
            reverse_zone=self.reverse_zone,
            no_reverse=self.no_reverse,
            setup_ca=self.setup_ca,
            setup_dns=self.setup_dns,
            forwarders=tuple(self.forwarders),
            no_forwarders=self.no_forwarders,
            forward_policy=self.forward_policy,
            no_dnssec_validation=self.no_dnssec_validation,
            skip_conncheck_reason=self.skip_conncheck_reason,
            other_host_reason=self.other_host_reason,
            bundle_hours=settings.BUNDLE_HOURS,
            keep_bundle=settings.KEEP_BUNDLES,
        )


class Checked(models.Model):
    """What the pre-flight checks found on the hosts of a plan: not part of what is approved, as it may change."""

    findings = models.JSONField(null=True, blank=True, help_text=_("Of lifecycle.base.Finding."))
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def hindered(self) -> bool:
        """Whether the checks say that the run would fail, or nobody has made them."""
        return self.checked_at is None or any(finding["level"] == "error" for finding in self.findings or ())


class Plan(Checked):
    """The ordered steps of one action on a replica, frozen when submitted; its digest is what gets approved."""

    replica = models.ForeignKey(Replica, on_delete=models.PROTECT, related_name="plans")
    action = models.CharField(max_length=10, choices=PlanAction)
    job = models.JSONField()
    steps = models.JSONField(help_text=_("In order: key, title, stage, undoable, touches."))
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=PlanState, default=PlanState.WAITING)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="plans")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text=_("Void, if it is not approved until then."))
    submitted_despite = models.TextField(  # noqa: DJ001 - a column that older portals know nothing of
        null=True, blank=True, help_text=_("Why it was asked for although a check had failed.")
    )

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint("replica", condition=Q(state=PlanState.WAITING), name="plan_one_waiting_a_replica"),
        )

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.replica}"

    @property
    def removes(self) -> bool:
        """Whether it takes the replica back to a blank host."""
        return self.action in PLANS_OF_REMOVAL

    def frozen_job(self) -> Job:
        return Job.from_json(self.job)


class Approval(models.Model):
    """One person's decision on one plan's digest. `requester` is copied here so that the database can compare."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="approvals")
    digest = models.CharField(max_length=64)
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals")
    decision = models.CharField(max_length=8, choices=Decision)
    reason = models.TextField()
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("decided_at",)
        constraints = (
            models.CheckConstraint(condition=~Q(approver=F("requester")), name="approval_never_of_own_request"),
            models.UniqueConstraint("plan", "approver", name="approval_once_a_person"),
        )

    def __str__(self) -> str:
        return f"{self.get_decision_display()}: {self.plan}"

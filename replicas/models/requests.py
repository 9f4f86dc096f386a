"""Replicas, the plans made for them, and the approvals given to plans."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.choices import (
    PLANS_OF_REMOVAL,
    REPLICA_ENDED,
    REPLICA_UNFINISHED,
    Decision,
    DnsPolicy,
    ForwardPolicy,
    PlanAction,
    PlanState,
    ReplicaState,
)
from replicas.lifecycle.job import (
    CERTIFICATE_FILES,
    LISTS,
    NUMBERS,
    SOME_REALMS,
    TEXTS,
    UPLOADS,
    Job,
    Options,
    UploadedCertificate,
)
from replicas.models.topology import Master, SSHTarget

FOUND_FORWARDERS = Q(auto_forwarders__isnull=False, auto_forwarders=True) | Q(
    dns_over_tls__isnull=False, dns_over_tls=True
)
"""Forwarders in other columns than `forwarders`; a comparison with NULL alone would let anything pass."""
PATH: dict[str, Any] = {"max_length": 300, "null": True, "blank": True, "validators": [validators.validate_path]}
LABEL: dict[str, Any] = {"max_length": 64, "null": True, "blank": True, "validators": [validators.validate_label]}


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
    setup_kra = models.BooleanField(_("set up a key recovery authority"), null=True, blank=True)
    setup_adtrust = models.BooleanField(_("set up Active Directory trust"), null=True, blank=True)
    hidden_replica = models.BooleanField(_("hidden replica"), null=True, blank=True)
    no_ntp = models.BooleanField(_("leave time alone"), null=True, blank=True)
    mkhomedir = models.BooleanField(_("make home directories"), null=True, blank=True)
    no_ssh = models.BooleanField(_("leave the SSH client alone"), null=True, blank=True)
    no_sshd = models.BooleanField(_("leave the SSH server alone"), null=True, blank=True)
    skip_mem_check = models.BooleanField(_("no memory check"), null=True, blank=True)
    dirsrv_cert_file = models.CharField(  # noqa: DJ001 - a column that older portals know nothing of
        _("certificate of the Directory Server"),
        max_length=300,
        null=True,
        blank=True,
        validators=[validators.validate_path],
    )
    http_cert_file = models.CharField(  # noqa: DJ001 - likewise
        _("certificate of the web server"), max_length=300, null=True, blank=True, validators=[validators.validate_path]
    )
    pkinit_cert_file = models.CharField(  # noqa: DJ001 - likewise
        _("certificate of the KDC"), max_length=300, null=True, blank=True, validators=[validators.validate_path]
    )
    no_pkinit = models.BooleanField(_("no PKINIT"), null=True, blank=True)
    auto_forwarders = models.BooleanField(_("forwarders of the system"), null=True, blank=True)
    auto_reverse = models.BooleanField(_("make missing reverse zones"), null=True, blank=True)
    allow_zone_overlap = models.BooleanField(_("allow zones that exist elsewhere"), null=True, blank=True)
    more_reverse_zones = models.JSONField(_("further reverse zones"), null=True, blank=True)
    dns_over_tls = models.BooleanField(_("DNS over TLS"), null=True, blank=True)
    dot_forwarders = models.JSONField(_("forwarders over TLS"), null=True, blank=True)
    dns_policy = models.CharField(  # noqa: DJ001 - columns that older portals know nothing of, as all below
        _("policy of DNS over TLS"), max_length=10, choices=DnsPolicy, null=True, blank=True
    )
    dns_over_tls_cert = models.CharField(_("certificate for DNS over TLS"), **PATH)  # noqa: DJ001
    dns_over_tls_key = models.CharField(_("key for DNS over TLS"), **PATH)  # noqa: DJ001
    no_host_dns = models.BooleanField(_("no DNS for names of hosts"), null=True, blank=True)
    ntp_servers = models.JSONField(_("time servers"), null=True, blank=True)
    ntp_pool = models.CharField(  # noqa: DJ001
        _("pool of time servers"), max_length=253, null=True, blank=True, validators=[validators.validate_zone]
    )
    no_dns_sshfp = models.BooleanField(_("no SSHFP records"), null=True, blank=True)
    ssh_trust_dns = models.BooleanField(_("trust SSHFP records"), null=True, blank=True)
    subid = models.BooleanField(_("subordinate IDs from the realm"), null=True, blank=True)
    no_ui_redirect = models.BooleanField(_("no redirection to the web UI"), null=True, blank=True)
    add_agents = models.BooleanField(_("add trust agents"), null=True, blank=True)
    enable_compat = models.BooleanField(_("trusted users for old clients"), null=True, blank=True)
    add_sids = models.BooleanField(_("add missing SIDs"), null=True, blank=True)
    netbios_name = models.CharField(  # noqa: DJ001
        _("NetBIOS name"), max_length=15, null=True, blank=True, validators=[validators.validate_netbios]
    )
    rid_base = models.PositiveIntegerField(_("first RID"), null=True, blank=True)
    secondary_rid_base = models.PositiveIntegerField(_("first RID of the second range"), null=True, blank=True)
    skip_schema_check = models.BooleanField(_("no check of the CA's schema"), null=True, blank=True)
    dirsrv_config_file = models.CharField(_("changes to the Directory Server"), **PATH)  # noqa: DJ001
    pki_config_override = models.CharField(_("changes to the certificate authority"), **PATH)  # noqa: DJ001
    token_name = models.CharField(  # noqa: DJ001
        _("token of the security module"), max_length=64, null=True, blank=True, validators=[validators.validate_label]
    )
    token_library_path = models.CharField(_("library of the security module"), **PATH)  # noqa: DJ001
    token_password_file = models.CharField(_("password file of the security module"), **PATH)  # noqa: DJ001
    dirsrv_cert_name = models.CharField(_("name of the Directory Server's certificate"), **LABEL)  # noqa: DJ001
    http_cert_name = models.CharField(_("name of the web server's certificate"), **LABEL)  # noqa: DJ001
    pkinit_cert_name = models.CharField(_("name of the KDC's certificate"), **LABEL)  # noqa: DJ001
    leftovers_reason = models.TextField(  # noqa: DJ001
        _("reason for removing what is left of an earlier replica"), null=True, blank=True
    )
    certificates = models.JSONField(
        _("uploaded certificates"),
        null=True,
        blank=True,
        help_text=_("Of lifecycle.job.UploadedCertificate, by name; without their keys."),
    )
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="replicas")
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["-created_at"], name="replica_newest"),)
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
                condition=Q(forward_policy=ForwardPolicy.FIRST) | ~Q(forwarders=[]) | FOUND_FORWARDERS,
                name="replica_only_needs_forwarders",
            ),
            models.CheckConstraint(
                condition=~Q(setup_dns=True)
                | (Q(no_forwarders=True) & Q(forwarders=[]))
                | (Q(no_forwarders=False) & (~Q(forwarders=[]) | FOUND_FORWARDERS)),
                name="replica_dns_needs_forwarders",
            ),
        )

    def __str__(self) -> str:
        return self.hostname

    def clean(self) -> None:
        validators.check_options(self)

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Nothing: `clean` says the same in words, and does not ask the database once for each rule."""

    @property
    def removal_begun(self) -> bool:
        """Whether a removal took something of the verified replica away and did not finish: it no longer serves."""
        return self.verified_at is not None and self.state in REPLICA_UNFINISHED

    @property
    def condition(self) -> str:
        """The state in words; for a removal that did not finish, the words name the removal."""
        if not self.removal_begun:
            return self.get_state_display()
        return gettext("Removal stopped") if self.state == ReplicaState.STOPPED else gettext("Removal failed")

    def options(self) -> Options:
        some: dict[str, Any] = {name: bool(getattr(self, name)) for name in SOME_REALMS}
        some |= {name: getattr(self, name) or "" for name in (*CERTIFICATE_FILES, *TEXTS)}
        some |= {name: tuple(getattr(self, name) or ()) for name in LISTS}
        some |= {name: getattr(self, name) for name in NUMBERS}
        some |= {name: UploadedCertificate.from_json((self.certificates or {}).get(name)) for name in UPLOADS}
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
            **some,
        )


class Checked(models.Model):
    """What the pre-flight checks found on the hosts of a plan: not part of what is approved, as it may change."""

    findings = models.JSONField(null=True, blank=True, help_text=_("Of lifecycle.base.Finding."))
    checked_at = models.DateTimeField(null=True, blank=True)
    check_asked_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When they were last asked for, if that was later than the plan.")
    )

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

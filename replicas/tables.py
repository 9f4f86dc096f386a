"""Tables of the list pages."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.timesince import timeuntil
from django.utils.translation import gettext_lazy as _

from replicas.choices import BundleState
from replicas.models import Approval, Bundle, Master, Plan, Replica
from replicas.templatetags.portal_tags import badge, when

YESNO = (_("yes"), _("no"))


class PortalTable(tables.Table):  # type: ignore[misc]
    """Its cells know their headings, which a phone shows beside each instead of above all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for bound in self.columns:
            cell = bound.column.attrs.get("td", {})
            bound.column.attrs = {**bound.column.attrs, "td": {**cell, "data-label": bound.header}}


class StateColumn(tables.Column):  # type: ignore[misc]
    """A state as a badge."""

    def render(self, record: Any, bound_column: Any) -> str:
        name = bound_column.accessor
        return badge(getattr(record, name), getattr(record, f"get_{name}_display")())


class ConditionColumn(tables.Column):  # type: ignore[misc]
    """The state of a replica as a badge; a removal that did not finish is named."""

    def render(self, record: Replica) -> str:
        return badge(record.state, record.condition)


class WhenColumn(tables.Column):  # type: ignore[misc]
    """A time as the pages show it."""

    def render(self, value: Any) -> str:
        return when(value)


class MasterTable(PortalTable):
    hostname = tables.Column(linkify=("master", {"pk": tables.A("pk")}))
    realm = tables.Column(verbose_name=_("Realm"))
    replicas = tables.Column(accessor="replica_count", verbose_name=_("Replicas"))
    dns = tables.BooleanColumn(accessor="realm__dns", verbose_name=_("DNS"), yesno=YESNO)
    ca = tables.BooleanColumn(verbose_name=_("Authority"), yesno=YESNO)
    created_at = WhenColumn(verbose_name=_("Registered"))

    class Meta:
        model = Master
        fields = ("hostname", "realm", "ssh_address", "dns", "ca", "replicas", "created_at")
        attrs = {"class": "table stacked"}


class ReplicaTable(PortalTable):
    hostname = tables.Column(linkify=("replica", {"pk": tables.A("pk")}))
    state = ConditionColumn(verbose_name=_("State"))
    realm = tables.Column(accessor="master__realm__name", verbose_name=_("Realm"))
    master = tables.Column(linkify=("master", {"pk": tables.A("master_id")}))
    requested_by = tables.Column(verbose_name=_("Requested by"))
    created_at = WhenColumn(verbose_name=_("Requested"))

    class Meta:
        model = Replica
        fields = ("hostname", "state", "realm", "master", "requested_by", "created_at")
        attrs = {"class": "table stacked"}


class PlanTable(PortalTable):
    """The queue of approvers."""

    replica = tables.Column(verbose_name=_("Replica"), linkify=("plan", {"pk": tables.A("pk")}))
    action = tables.Column(verbose_name=_("What"))
    realm = tables.Column(accessor="replica__master__realm__name", verbose_name=_("Realm"))
    requested_by = tables.Column(verbose_name=_("Requested by"))
    created_at = WhenColumn(verbose_name=_("Submitted"))
    decision = tables.TemplateColumn(template_name="approvals/decision.html", orderable=False, verbose_name=_("You"))

    class Meta:
        model = Plan
        fields = ("replica", "action", "realm", "requested_by", "created_at", "decision")
        attrs = {"class": "table stacked"}


class DecisionTable(PortalTable):
    """What was decided, by whom and why."""

    decision = StateColumn(verbose_name=_("Decision"))
    plan = tables.Column(verbose_name=_("Plan"), linkify=("plan", {"pk": tables.A("plan_id")}))
    approver = tables.Column(verbose_name=_("Who"))
    decided_at = WhenColumn(verbose_name=_("When"))
    reason = tables.Column(verbose_name=_("Why"), orderable=False)

    class Meta:
        model = Approval
        fields = ("decision", "plan", "approver", "decided_at", "reason")
        order_by = ("-decided_at",)
        attrs = {"class": "table stacked"}


class ExpiryColumn(tables.Column):  # type: ignore[misc]
    """When a bundle expires; of one that can still be used, how much time is left as well."""

    def render(self, value: Any, record: Bundle) -> str:
        if record.state != BundleState.SEALED:
            return when(value)
        left = _("%(time)s left") % {"time": timeuntil(value)}
        return format_html("{} ({})", when(value), left)


class BundleTable(PortalTable):
    replica = tables.Column(verbose_name=_("Replica"), linkify=("replica", {"pk": tables.A("replica_id")}))
    state = StateColumn(verbose_name=_("State"))
    path = tables.Column(attrs={"td": {"class": "mono"}})
    sealed_at = WhenColumn(verbose_name=_("Sealed"))
    expires_at = ExpiryColumn(verbose_name=_("Expires"))
    used_at = WhenColumn(verbose_name=_("Used"))
    removed_at = WhenColumn(verbose_name=_("Removed"))

    class Meta:
        model = Bundle
        fields = ("replica", "state", "path", "sealed_at", "expires_at", "used_at", "removed_at")
        attrs = {"class": "table stacked"}

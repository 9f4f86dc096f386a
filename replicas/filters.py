"""Filters of the list pages."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django.forms import DateInput
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from replicas import waiting
from replicas.choices import BundleState, ReplicaState
from replicas.models import AuditEvent, Realm, Replica
from replicas.templatetags.history_tags import verbs_like

ONLY = (
    ("mine", _("my open requests")),
    ("running", _("with a run under way")),
    ("review", _("run without approval, to be reviewed")),
)
"""What the dashboard shows some of (replicas/waiting.py)."""
KINDS = (
    ("master", _("Master")),
    ("replica", _("Replica")),
    ("draft", _("Request that is not submitted")),
    ("plan", _("Plan")),
    ("approvalpolicy", _("Policy")),
    ("run", _("Run")),
    ("bundle", _("Bundle")),
    ("hostkey", _("Host key")),
    ("credential", _("Password")),
    ("plancredential", _("Password for one run")),
    ("user", _("Person")),
    ("group", _("Group")),
    ("webhook", _("Webhook")),
    ("page", _("Page")),
    ("history", _("History")),
)
"""Models whose rows the history tells of."""


class ReplicaFilter(filters.FilterSet):  # type: ignore[misc]
    hostname = filters.CharFilter(lookup_expr="icontains", label=_("Hostname"))
    state = filters.ChoiceFilter(choices=ReplicaState.choices, label=_("State"), empty_label=_("any"))
    realm = filters.ModelChoiceFilter(
        field_name="master__realm", queryset=Realm.objects.all(), label=_("Realm"), empty_label=_("any")
    )
    only = filters.ChoiceFilter(method="among", choices=ONLY, label=_("Only"), empty_label=_("all"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)

    def among(self, replicas: QuerySet[Replica], name: str, which: str) -> QuerySet[Replica]:
        user = self.request.user
        if which == "mine":
            return replicas.filter(pk__in=waiting.asked_for(user).values("pk"))
        if which == "running":
            return replicas.filter(pk__in=waiting.under_way().values("plan__replica"))
        return replicas.filter(pk__in=waiting.to_review(user).values("run__plan__replica"))


class BundleFilter(filters.FilterSet):  # type: ignore[misc]
    hostname = filters.CharFilter(field_name="replica__hostname", lookup_expr="icontains", label=_("Replica"))
    state = filters.ChoiceFilter(choices=BundleState.choices, label=_("State"), empty_label=_("any"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)


class EventFilter(filters.FilterSet):  # type: ignore[misc]
    """History by person, object, kind, time and text; pages go on after a key (views/history.py)."""

    actor = filters.CharFilter(label=_("Person"))
    kind = filters.ChoiceFilter(label=_("Kind"), choices=KINDS, empty_label=_("any"))
    label = filters.CharFilter(lookup_expr="icontains", label=_("Object"))
    since = filters.DateFilter(method="from_day", label=_("From"), widget=DateInput(attrs={"type": "date"}))
    until = filters.DateFilter(method="to_day", label=_("Until"), widget=DateInput(attrs={"type": "date"}))
    text = filters.CharFilter(method="search", label=_("Text"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)

    def from_day(self, events: QuerySet[AuditEvent], name: str, day: date) -> QuerySet[AuditEvent]:
        return events.filter(at__gte=_beginning(day))

    def to_day(self, events: QuerySet[AuditEvent], name: str, day: date) -> QuerySet[AuditEvent]:
        return events.filter(at__lt=_beginning(day + timedelta(days=1)))

    def search(self, events: QuerySet[AuditEvent], name: str, text: str) -> QuerySet[AuditEvent]:
        words = Q(verb__icontains=text) | Q(verb__in=verbs_like(text)) | Q(address=text) | Q(request_id=text)
        return events.filter(words | Q(label__icontains=text) | Q(reason__icontains=text))


def _beginning(day: date) -> datetime:
    """Midnight in the reader's zone."""
    return timezone.make_aware(datetime.combine(day, time()))


def dress(found: Any) -> None:
    """Bootstrap's classes on the inputs of a filter."""
    for field in found.form.fields.values():
        select = "form-select form-select-sm"
        field.widget.attrs["class"] = select if hasattr(field, "choices") else "form-control form-control-sm"

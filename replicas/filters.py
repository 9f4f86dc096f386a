"""Filters of the list pages."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django.forms import HiddenInput
from django.utils.translation import gettext_lazy as _

from replicas.choices import BundleState, ReplicaState
from replicas.models import AuditEvent, Realm
from replicas.templatetags.history_tags import verbs_like

KINDS = (
    ("master", _("Master")),
    ("replica", _("Replica")),
    ("plan", _("Plan")),
    ("run", _("Run")),
    ("bundle", _("Bundle")),
    ("hostkey", _("Host key")),
    ("credential", _("Password")),
    ("user", _("Person")),
)
"""Models whose rows the history tells of."""


class ReplicaFilter(filters.FilterSet):  # type: ignore[misc]
    hostname = filters.CharFilter(lookup_expr="icontains", label=_("Hostname"))
    state = filters.ChoiceFilter(choices=ReplicaState.choices, label=_("State"))
    realm = filters.ModelChoiceFilter(field_name="master__realm", queryset=Realm.objects.all(), label=_("Realm"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)


class BundleFilter(filters.FilterSet):  # type: ignore[misc]
    hostname = filters.CharFilter(field_name="replica__hostname", lookup_expr="icontains", label=_("Replica"))
    state = filters.ChoiceFilter(choices=BundleState.choices, label=_("State"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)


class EventFilter(filters.FilterSet):  # type: ignore[misc]
    """History by person, kind and text; `before` is the key that a page goes on after."""

    actor = filters.CharFilter(label=_("Person"))
    kind = filters.ChoiceFilter(label=_("Kind"), choices=KINDS)
    object_id = filters.CharFilter(widget=HiddenInput)
    text = filters.CharFilter(method="search", label=_("Text"))
    before = filters.NumberFilter(field_name="pk", lookup_expr="lt", widget=HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)

    def search(self, events: QuerySet[AuditEvent], name: str, text: str) -> QuerySet[AuditEvent]:
        words = Q(verb__icontains=text) | Q(verb__in=verbs_like(text))
        return events.filter(words | Q(label__icontains=text) | Q(reason__icontains=text))


def dress(found: Any) -> None:
    """Bootstrap's classes on the inputs of a filter."""
    for field in found.form.fields.values():
        select = "form-select form-select-sm"
        field.widget.attrs["class"] = select if hasattr(field, "choices") else "form-control form-control-sm"

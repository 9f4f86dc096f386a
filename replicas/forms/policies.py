"""What a realm asks for before anything is run in it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.forms.fields import ReasonField
from replicas.models import ApprovalPolicy


class PolicyForm(forms.ModelForm[ApprovalPolicy]):
    """The policy of a realm, and why it is changed."""

    groups = forms.MultipleChoiceField(
        label=_("Only people of these groups"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Approvers who are in one of them as well. None ticked: every approver."),
    )
    windows = forms.CharField(
        label=_("Maintenance windows"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "Mon-Fri 22:00-04:00"}),
        help_text=_(
            "One a line, as in Mon-Fri 22:00-04:00 or Sat,Sun 00:00-24:00. Approved runs wait until one opens. Empty: "
            "they begin at once."
        ),
    )
    reason = ReasonField()

    class Meta:
        model = ApprovalPolicy
        fields = ("needed", "extra_for_ca", "extra_for_dns", "groups", "expiry_hours", "windows", "zone")
        help_texts = {
            "needed": _("So many people have to approve a plan; nobody approves a request of their own."),
            "expiry_hours": _("A plan that is not approved by then is void. Empty: it waits for ever."),
            "zone": _("As in Europe/Berlin; its summer time moves the windows."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["groups"].choices = [(name, name) for name in _groups()]  # type: ignore[attr-defined]
        if isinstance(self.initial.get("windows"), list):
            self.initial["windows"] = "\n".join(self.initial["windows"])

    def clean_windows(self) -> list[str]:
        return validators.parse_windows(self.cleaned_data["windows"])


def _groups() -> list[str]:
    return list(Group.objects.order_by("name").values_list("name", flat=True))


class BreakGlassForm(forms.Form):
    """Why a plan is run without the approvals it needs."""

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = ReasonField()


class ReviewForm(forms.Form):
    """What somebody else found, who looked at a run without approval."""

    text = ReasonField(label=_("What you found"))


class StartNowForm(forms.Form):
    """Why a held run does not wait for its window."""

    reason = ReasonField()

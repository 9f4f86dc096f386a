"""Deciding on a plan."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from replicas.forms.fields import FingerprintField, ReasonField


class ApprovalForm(forms.Form):
    """The digest of the plan that is on the screen, and why."""

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = ReasonField()


class ComparisonForm(forms.Form):
    """The fingerprint of the plan's host, for a key that nobody has compared yet."""

    fingerprint = FingerprintField(help_text=_("Compared with the pinned key, and kept in the audit log."))

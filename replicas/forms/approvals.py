"""Deciding on a plan."""

from __future__ import annotations

from django import forms

from replicas.forms.fields import ReasonField


class ApprovalForm(forms.Form):
    """The digest of the plan that is on the screen, and why."""

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = ReasonField()

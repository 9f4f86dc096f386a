"""Submitting what was looked at."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from replicas.forms.fields import ReasonField


class DraftForm(forms.Form):
    """Why it should be done although a check has failed; needed only then."""

    despite = ReasonField(
        label=_("Why all the same"), help_text=_("Shown to the approver, and kept in the history."), required=False
    )

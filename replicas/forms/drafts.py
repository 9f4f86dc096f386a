"""Submitting what was looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from replicas.forms.fields import FingerprintField, ReasonField


class SubmitForm(forms.Form):
    """Why it should be done although a check has failed; needed only then."""

    despite = ReasonField(
        label=_("Why all the same"), help_text=_("Shown to the approver, and kept in the history."), required=False
    )


class DraftForm(SubmitForm):
    """The same of one draft, and the fingerprint of its host's key where nobody has compared it yet."""

    fingerprint = FingerprintField(
        required=False, help_text=_("Compared with the key that the host presents, and kept in the history.")
    )


class TableForm(SubmitForm):
    """Why a table of requests should be done, and the fingerprint of each host whose key nobody has compared yet."""

    def __init__(self, *args: Any, compared_later: Iterable[int] = (), **kwargs: Any) -> None:
        """`compared_later` are the keys of the drafts with such hosts."""
        super().__init__(*args, **kwargs)
        for key in compared_later:
            field = FingerprintField(required=False)
            field.widget.attrs["form"] = "submit"  # it stands in the row of its host, outside of the form
            self.fields[fingerprint_of(key)] = field

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        names = {fingerprint_of(key): key for key in self._keys()}
        data["fingerprints"] = {key: data.pop(name) for name, key in names.items() if name in data}
        return data

    def _keys(self) -> list[int]:
        return [int(name.rpartition("-")[2]) for name in self.fields if name.startswith("fingerprint-")]


def fingerprint_of(key: int) -> str:
    """Return the name of the field for the host of the draft with that key."""
    return f"fingerprint-{key}"

"""Fields that several forms share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from replicas import validators


class AddressesField(forms.CharField):
    """IPv4 and IPv6 addresses, one a line or separated by commas; gives a list of them in canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"}))
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return validators.parse_addresses(value or "")


class HostnameField(forms.CharField):
    """A fully qualified host name in lower case; what is wrong with another one is said, with a correction."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Host name"))
        kwargs.setdefault("widget", forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}))
        super().__init__(validators=[validators.validate_hostname], **kwargs)


class ReasonField(forms.CharField):
    """Why: kept in the history."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Reason"))
        kwargs.setdefault("help_text", _("Kept in the history, for whoever asks later."))
        super().__init__(widget=forms.Textarea(attrs={"rows": 2}), max_length=2000, **kwargs)


class PasswordField(forms.CharField):
    """A password of the realm: sent once, never shown again."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "off"})
        super().__init__(widget=widget, strip=False, min_length=8, max_length=200, **kwargs)

"""Fields that several forms share."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.models import CredentialName
from replicas.stream.redaction import SHORTEST


class AddressesField(forms.CharField):
    """IPv4 and IPv6 addresses, one a line or separated by commas; gives a list of them in canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"}))
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return validators.parse_addresses(value or "")


class WordsField(forms.CharField):
    """A list that replicas.validators.WORDS has rules for, one word a line or separated by commas."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        self.name = name
        widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"})
        super().__init__(required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return validators.parse_words(self.name, value or "")


class HostnameField(forms.CharField):
    """A fully qualified host name in lower case; what is wrong with another one is said, with a correction."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Host name"))
        kwargs.setdefault("widget", forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}))
        super().__init__(validators=[validators.validate_hostname], **kwargs)


class SSHAddressField(forms.CharField):
    """The address at which the portal reaches a host; gives its canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)

    def to_python(self, value: Any) -> str:
        word = str(super().to_python(value) or "")
        return validators.parse_ssh_address(word) if word else ""


class ReasonField(forms.CharField):
    """Why: kept in the history."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Reason"))
        kwargs.setdefault("help_text", _("Kept in the history, for whoever asks later."))
        super().__init__(widget=forms.Textarea(attrs={"rows": 2}), max_length=validators.MAX_REASON, **kwargs)


class FingerprintField(forms.CharField):
    """The SHA-256 fingerprint of a host's key, in any form that ssh-keygen prints it in; cleaned to "SHA256:..."."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Fingerprint on the host's console"))
        kwargs.setdefault("max_length", 300)
        attributes = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
        super().__init__(widget=forms.TextInput(attrs=attributes), **kwargs)

    def to_python(self, value: Any) -> str:
        return validators.parse_fingerprint(super().to_python(value) or "")


CONTROL = r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]"
"""Control characters but NUL, tabs and line ends."""


class PasswordField(forms.CharField):
    """A password of the realm: sent once, never shown again."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "off"})
        super().__init__(widget=widget, strip=False, min_length=8, max_length=200, **kwargs)
        # Programs read a password up to the end of its line.
        self.validators.append(
            RegexValidator(r"[\r\n]", _("A password cannot contain a line end."), inverse_match=True)
        )
        self.validators += [
            RegexValidator(CONTROL, _("A password cannot contain control characters."), inverse_match=True),
            # Logs hold spaces everywhere, so a secret of little else could not be kept out of them.
            RegexValidator(
                rf"(?:\S\s*){{{SHORTEST}}}",
                format_lazy(_("A password needs at least {count} characters that are not spaces."), count=SHORTEST),
            ),
        ]


class OneRunPasswords(forms.Form):
    """Passwords for one run only, in the place of the stored ones; `passwords` in the cleaned data, by name."""

    directory_manager = PasswordField(label=_("Directory Manager password, for this run only"), required=False)
    admin = PasswordField(label=_("Kerberos password of admin, for this run only"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in CredentialName.values:
            self.fields[name].help_text = _(
                "Empty: the stored one is used. This one is wiped when the run ends, however it ends."
            )
        self.order_fields([name for name in self.fields if name not in CredentialName.values])  # these come last

    def ask_for(self, names: Collection[str]) -> None:
        """Say of these (CredentialName) that they are stored nowhere."""
        for name in names:
            self.fields[name].help_text = _(
                "Needed now: it is not stored, and what was given for an earlier run is wiped. "
                "It is wiped again when the run ends."
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["passwords"] = {name: data.pop(name) for name in CredentialName.values if name in data}
        return data

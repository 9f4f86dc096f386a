"""Registering a master in two steps, and its realm's passwords."""

from __future__ import annotations

import base64
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.backends import registry
from replicas.clients.keytab import LARGEST
from replicas.forms.fields import HostnameField, PasswordField, ReasonField, SSHAddressField
from replicas.models import CredentialName, KeytabName, Master


class SSHFields(forms.Form):
    """Where a master answers, and to whom."""

    ssh_address = SSHAddressField(
        label=_("SSH address"), help_text=_("IPv4 or IPv6 address that the portal connects to.")
    )
    ssh_port = forms.IntegerField(label=_("SSH port"), initial=22, min_value=1, max_value=65535)
    ssh_user = forms.CharField(
        label=_("SSH user"),
        initial="root",
        max_length=validators.MAX_LOGIN,
        validators=[validators.validate_login],
        help_text=_("root, or a user that may run everything with sudo without a password."),
    )


class MasterInspectForm(SSHFields):
    """Where the master is: enough to fetch its host key."""

    field_order = ("hostname",)
    hostname = HostnameField(help_text=_("Fully qualified, as the realm knows it: ipaserver.example.com."))
    backend = forms.ChoiceField(label=_("Kind of realm"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [(kind, gettext(title)) for kind, title in registry.choices()]
        self.fields["backend"].choices = kinds  # type: ignore[attr-defined]


class MasterRegisterForm(MasterInspectForm):
    """The same, with the key that was compared and the passwords of the realm."""

    fingerprint = forms.CharField(widget=forms.HiddenInput)
    compared = forms.BooleanField(label=_("I compared the fingerprint with the one on the host's own console."))
    directory_manager = PasswordField(
        label=_("Directory Manager password"), help_text=_("Proved by binding now, and stored encrypted.")
    )
    admin = PasswordField(
        label=_("Kerberos password of admin"),
        help_text=_("Proved with a Kerberos ticket now, and stored encrypted."),
        required=False,
    )
    forget = forms.BooleanField(
        label=_("Do not store them"),
        help_text=_("The passwords are proved and forgotten. Each request brings its own."),
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in MasterInspectForm.base_fields:
            self.fields[name].widget = forms.HiddenInput()
        keep_needed(self.fields, str(self["backend"].value()))
        if "directory_manager" not in self.fields:
            self.fields["admin"].help_text = _("Proved by signing in now, and stored encrypted.")
            self.fields["admin"].required = True
            self.fields["forget"].help_text = _("It is proved and forgotten; each request brings it again.")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data.pop("compared", None)  # it was ticked, or the form is not valid
        data["store"] = not data.pop("forget", False)
        if data["store"] and not data.get("admin") and "admin" not in self.errors:
            self.add_error("admin", _("Enter it, or choose not to store the passwords."))
        return data


def keep_needed(fields: dict[str, forms.Field], kind: str) -> None:
    """Leave out the passwords that this kind of realm has no use for."""
    for name in set(CredentialName.values) - set(registry.secrets(kind)):
        del fields[name]


class MasterChangeForm(SSHFields):
    """Where a registered master is now, and the password with which it is read anew."""

    directory_manager = PasswordField(label=_("Directory Manager password"), required=False)
    admin = PasswordField(label=_("Kerberos password of admin"), required=False)
    reason = ReasonField()

    def __init__(self, *args: Any, master: Master, password: CredentialName, stored: bool, **kwargs: Any) -> None:
        """`password` is the one that proves that the realm can be read, `stored` whether the portal has it."""
        super().__init__(*args, **kwargs)
        for name in SSHFields.base_fields:
            self.initial.setdefault(name, getattr(master, name))
        for name in set(CredentialName.values) - {password}:
            del self.fields[name]
        self.fields[password].help_text = (
            _("Empty: the stored one is used. This one is proved and forgotten.")
            if stored
            else _("Needed now: it is not stored. It is proved and forgotten.")
        )


class PlaceForm(forms.Form):
    """Another place than the stored one, in an address of a page."""

    address = SSHAddressField()
    port = forms.IntegerField(min_value=1, max_value=65535)


class CredentialsForm(forms.Form):
    """New passwords of a realm, and its keytab; an empty field leaves what is stored."""

    directory_manager = PasswordField(label=_("Directory Manager password"), required=False)
    admin = PasswordField(label=_("Kerberos password of admin"), required=False)
    keytab = forms.FileField(
        label=KeytabName.KEYTAB.label,
        required=False,
        help_text=_(
            "Optional: of an account of the realm that may do what admin does. Where there is one, the portal signs in "
            "to the realm's interface with it. The password of admin stays needed: it seals bundles, and is proved "
            "in checks."
        ),
    )
    remove_keytab = forms.BooleanField(
        label=_("Remove the stored keytab"),
        required=False,
        help_text=_("The portal then signs in with the password of admin again."),
    )
    unproved = forms.BooleanField(
        label=_("Store them unproved if the realm cannot be asked now"),
        required=False,
        help_text=_("The realm has to accept them first. Choose this only while the master is out of reach."),
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keep_needed(self.fields, kind)
        if not registry.takes_keytab(kind):
            del self.fields["keytab"], self.fields["remove_keytab"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not any(value for name, value in data.items() if name != "unproved") and not self.errors:
            raise forms.ValidationError(_("Enter at least one password."))
        if data.get("keytab") and data.get("remove_keytab"):
            self.add_error("remove_keytab", _("Choose a keytab, or remove the stored one."))
        if file := data.get("keytab"):
            # One byte more than may be: what reads it says that it is none.
            data["keytab"] = base64.b64encode(file.read(LARGEST + 1)).decode()
        return data


class HostKeyForm(forms.Form):
    """Accept the key that a host presents now in place of the pinned one."""

    fingerprint = forms.CharField(widget=forms.HiddenInput)
    reason = ReasonField()

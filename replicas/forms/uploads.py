"""Certificates with their keys, uploaded as files of any usual format."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from replicas.models import Realm, UploadName
from replicas.uploads.errors import CertificateError
from replicas.uploads.formats import LARGEST
from replicas.uploads.reading import read
from replicas.uploads.together import authorities

MOST_FILES = 10
HELP = gettext_lazy(
    "Certificate, chain and key, in one file or several: PEM, DER, PKCS#7, PKCS#8 or PKCS#12. Checked at once, and "
    "kept encrypted until the run ends. If the form comes back, choose them again."
)


class FilesInput(forms.FileInput):
    """Several files; or, in a form that was kept, the text that was made of them."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        chosen = files.getlist(name) if hasattr(files, "getlist") else []
        return chosen or data.get(name) or None


class FilesField(forms.Field):
    """Names and contents of the files; nothing when none was chosen."""

    widget = FilesInput

    def clean(self, value: Any) -> list[tuple[str, bytes]]:
        if isinstance(value, str):
            return [(str(self.label), value.encode())]
        files: list[UploadedFile[bytes]] = value or []
        if len(files) > MOST_FILES:
            raise ValidationError(_("Choose at most %(number)d files.") % {"number": MOST_FILES})
        # One byte more than may be: what reads it says that it is too large.
        return [(file.name or str(self.label), file.read(LARGEST + 1)) for file in files]


def _password() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Its password"),
        help_text=gettext_lazy("Of an encrypted key or PKCS#12 file."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        required=False,
        strip=False,
        max_length=200,
    )


class Uploads(forms.Form):
    """Files for each of UploadName, with what opens them; `certificates` in the cleaned data, by name, as PEM."""

    dirsrv_certificate = FilesField(
        label=gettext_lazy("Certificate of the Directory Server"), required=False, help_text=HELP
    )
    dirsrv_certificate_password = _password()
    http_certificate = FilesField(label=gettext_lazy("Certificate of the web server"), required=False, help_text=HELP)
    http_certificate_password = _password()
    pkinit_certificate = FilesField(label=gettext_lazy("Certificate of the KDC"), required=False, help_text=HELP)
    pkinit_certificate_password = _password()

    def ask_only(self, names: Collection[str]) -> None:
        """Leave the others out."""
        for name in set(UploadName.values) - set(names):
            self.fields.pop(name, None)
            self.fields.pop(opens(name), None)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["certificates"] = {}
        for name in UploadName.values:
            files, password = data.pop(name, None), data.pop(opens(name), "")
            try:
                # Whoever uploads a certificate of an authority that a realm knows need not upload that too.
                if files:
                    data["certificates"][name] = read(files, password, authorities(*Realm.objects.all())).pem()
            except CertificateError as error:
                self.add_error(name, str(error))
        return data


def opens(name: str) -> str:
    """The field of the password that opens these files."""
    return f"{name}_password"


def typed(post: QueryDict, data: dict[str, Any]) -> str:
    """What a form was sent with, as a draft keeps it: with the text that was made of uploaded files."""
    kept = post.copy()
    for name, pem in data.get("certificates", {}).items():
        kept[name] = pem
        kept.pop(opens(name), None)
    return kept.urlencode()

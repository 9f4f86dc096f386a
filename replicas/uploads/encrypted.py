"""Encrypted keys and PKCS#12 files, opened beside the web server and within bounds."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from django.utils.translation import gettext as _

from replicas.uploads import derivation
from replicas.uploads.errors import CertificateError

OPENER = Path(__file__).with_name("opener.py")
SECONDS = 60


class Opened(NamedTuple):
    """The private key (PKCS#8 in DER), if there is one, and certificates (DER)."""

    key: bytes
    certificates: list[bytes]


def unlock(name: str, kind: Literal["pkcs8", "pkcs12"], content: bytes, passphrase: bytes) -> Opened:
    """Open what was uploaded by that name. Raises CertificateError."""
    if rounds := derivation.too_much(content):
        raise CertificateError(
            _("%(file)s wants its password hashed %(number)d times, and the portal does so at most %(most)d times.")
            % {"file": name, "number": rounds, "most": derivation.MOST_ROUNDS},
            _("Encrypt it again with fewer iterations. OpenSSL uses 2048 by default."),
        )
    request = {"kind": kind, "content": base64.b64encode(content).decode()}
    request["passphrase"] = base64.b64encode(passphrase).decode()
    answer = _run(name, json.dumps(request).encode())
    if answer.get("refused"):
        raise locked(name, passphrase)
    return Opened(base64.b64decode(answer["key"]), [base64.b64decode(one) for one in answer["certificates"]])


def locked(name: str, passphrase: bytes) -> CertificateError:
    if passphrase:
        return CertificateError(
            _("%(file)s cannot be opened with this password.") % {"file": name},
            _("Type its password again. If it is right, encrypt the file again with AES-256 and CBC."),
        )
    return CertificateError(_("%(file)s is encrypted, or damaged.") % {"file": name}, _("Give its password."))


def _run(name: str, request: bytes) -> dict[str, str]:
    """The opener's answer. Raises CertificateError, outside the handler, which has the key, when there is none."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(OPENER)], input=request, capture_output=True, check=False, timeout=SECONDS
        )
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        status, output = -1, b""
    if status == 0:
        answer: dict[str, str] = json.loads(output)
        return answer
    if status > 0:
        raise CertificateError(
            _("%(file)s cannot be read, though its password is right.") % {"file": name},
            _("Export the certificate and its key again, or upload them in PEM."),
        )
    raise CertificateError(
        _("It takes too long to open %(file)s.") % {"file": name},
        _("Encrypt it again with fewer iterations, or upload the key in PEM."),
    )

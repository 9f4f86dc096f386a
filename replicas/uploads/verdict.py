"""OpenSSL's own verdict on a chain: what its clients will say, so nothing is accepted that they would refuse."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils.translation import gettext as _

from replicas.uploads.errors import CertificateError
from replicas.uploads.links import subject

SECONDS = 30
LEVEL = "2"
"""The security level (112 bits) of Debian's OpenSSL and of RHEL's default policy."""
COMPLAINT = re.compile(r"^error (\d+) at (\d+) depth lookup: (.+)$", re.MULTILINE)
NAMES = (47, 48)
"""X509_V_ERR_PERMITTED_VIOLATION and X509_V_ERR_EXCLUDED_VIOLATION."""


def require(path: Sequence[x509.Certificate], now: datetime, hostname: str = "") -> None:
    """Raise CertificateError unless OpenSSL accepts the path, for a TLS server of that name if one is given."""
    server = ("-purpose", "sslserver", "-verify_hostname", hostname) if hostname else ()
    output = _verify(path, ("-attime", str(int(now.timestamp())), *server))
    if not output:
        return
    complaint = COMPLAINT.search(output)
    code, depth, reason = (int(complaint[1]), int(complaint[2]), complaint[3]) if complaint else (0, 0, output[-200:])
    refused = subject(path[min(depth, len(path) - 1)])
    if code in NAMES:
        raise CertificateError(
            _("An authority above %(subject)s may not issue for its names: %(reason)s.")
            % {"subject": refused, "reason": reason},
            _("Use an authority whose name constraints allow the host and its subject."),
        )
    raise CertificateError(
        _("OpenSSL refuses %(subject)s: %(reason)s.") % {"subject": refused, "reason": reason},
        _("Have the certificate issued again."),
    )


def _verify(path: Sequence[x509.Certificate], options: Sequence[str]) -> str:
    """What the program complains of; empty when it is content. Raises CertificateError where it is not installed."""
    leaf, *between, root = path if len(path) > 1 else (*path, *path)
    with TemporaryDirectory(prefix="portal-verify-") as folder:
        for name, certificates in (("leaf", [leaf]), ("between", between), ("root", [root])):
            content = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
            Path(folder, name).write_bytes(content)
        argv = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", "root", "-auth_level", LEVEL, *options]
        argv += ["-untrusted", "between"] if between else []
        try:
            done = subprocess.run(
                [*argv, "leaf"], cwd=folder, check=False, capture_output=True, errors="replace", timeout=SECONDS
            )
        except FileNotFoundError as error:
            raise CertificateError(
                _("The portal's machine has no openssl program, which verifies certificates."),
                _("Ask its administrator to install openssl."),
            ) from error
        except subprocess.TimeoutExpired as error:
            raise CertificateError(
                _("It takes too long to verify %(subject)s.") % {"subject": subject(leaf)},
                _("Use a chain of fewer certificates, with fewer names."),
            ) from error
    return "" if done.returncode == 0 else (done.stderr.strip() or done.stdout.strip() or "no output")

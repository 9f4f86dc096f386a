"""Open an encrypted key or PKCS#12 file in a separate process, which ends if that takes too long.

It runs by its path, and reads one JSON object from standard input: kind (pkcs8, pkcs12), content and passphrase
(base64). It answers {"key": PKCS#8 in DER or "", "certificates": [DER]}, all in base64, or {"refused": true}.
"""

import base64
import json
import resource
import sys
import warnings
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs12,
)

CPU_SECONDS = 20


def opened(kind: str, content: bytes, passphrase: bytes) -> tuple[Any, list[x509.Certificate]]:
    if kind == "pkcs8":
        return load_der_private_key(content, passphrase, unsafe_skip_rsa_key_validation=True), []
    found = _package(content, passphrase)
    own = [found.cert.certificate] if found.cert else []
    return found.key, own + [one.certificate for one in found.additional_certs]


def _package(content: bytes, passphrase: bytes) -> pkcs12.PKCS12KeyAndCertificates:
    """Open it, without a password when it has none: the password may be that of another file."""
    try:
        return pkcs12.load_pkcs12(content, passphrase or None)
    except ValueError:
        if not passphrase:
            raise
        return pkcs12.load_pkcs12(content, None)


def answer(request: dict[str, str]) -> dict[str, object]:
    content, passphrase = (base64.b64decode(request[name]) for name in ("content", "passphrase"))
    try:
        key, certificates = opened(request["kind"], content, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return {"refused": True}
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) if key else b""
    return {
        "key": base64.b64encode(plain).decode(),
        "certificates": [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in certificates],
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would have the key
    json.dump(answer(json.load(sys.stdin)), sys.stdout)

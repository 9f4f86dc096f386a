"""The formats that keys and certificates come in: PEM, DER, PKCS#7, PKCS#8 and PKCS#12."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)
from django.utils.translation import gettext as _

from replicas.uploads.errors import CertificateError

LARGEST = 1 << 20
"""Bytes of a file; a chain with its key has some thousand."""
BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.+?-----END \1-----", re.DOTALL)
KEYS = (b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY")
CERTIFICATES = (b"CERTIFICATE", b"X509 CERTIFICATE")
Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Loaded = TypeVar("Loaded")


class Found(NamedTuple):
    """What is in a file."""

    keys: list[Key]
    certificates: list[x509.Certificate]


def contents(name: str, content: bytes, passphrase: bytes) -> Found:
    """Keys and certificates of a file that was uploaded by that name. Raises CertificateError."""
    if len(content) > LARGEST:
        raise CertificateError(
            _("%(file)s is larger than 1 MiB.") % {"file": name},
            _("Upload certificates and a key, and nothing else."),
        )
    if b"-----BEGIN " in content:
        return _from_pem(name, content, passphrase)
    return _from_der(name, content, passphrase)


def _from_pem(name: str, content: bytes, passphrase: bytes) -> Found:
    found = Found([], [])
    for block in BLOCK.finditer(content):
        kind, text = block[1], block[0] + b"\n"
        if kind in CERTIFICATES:
            found.certificates.append(_decoded(name, x509.load_pem_x509_certificate, _plain(text, kind)))
        elif kind == b"PKCS7":
            found.certificates.extend(_decoded(name, pkcs7.load_pem_pkcs7_certificates, text))
        elif kind in KEYS:
            found.keys.append(_key(name, load_pem_private_key, text, passphrase))
        elif kind == b"CERTIFICATE REQUEST":
            raise CertificateError(
                _("%(file)s is a certificate request.") % {"file": name},
                _("Upload what the authority made of it: the certificate."),
            )
    if not found.keys and not found.certificates:
        raise CertificateError(
            _("%(file)s holds neither a certificate nor a private key.") % {"file": name}, _("See that it is whole.")
        )
    return found


def _plain(text: bytes, kind: bytes) -> bytes:
    """With the label of RFC 7468, where another one means the same."""
    return text.replace(b" " + kind + b"-----", b" CERTIFICATE-----") if kind == b"X509 CERTIFICATE" else text


def _from_der(name: str, content: bytes, passphrase: bytes) -> Found:
    for load in (x509.load_der_x509_certificate, pkcs7.load_der_pkcs7_certificates):
        try:
            found = load(content)
        except (ValueError, UnsupportedAlgorithm):
            continue
        return Found([], found if isinstance(found, list) else [found])
    if _is_pkcs12(content):
        return _from_pkcs12(name, content, passphrase)
    return Found([_key(name, load_der_private_key, content, passphrase)], [])


def _is_pkcs12(content: bytes) -> bool:
    """A sequence that begins with the version 3 (RFC 7292, section 4); a PKCS#8 key begins with 0 or a sequence."""
    head = 2 + (content[1] & 0x7F if content[1:2] and content[1] & 0x80 else 0)
    return content[:1] == b"\x30" and content[head : head + 3] == b"\x02\x01\x03"


def _from_pkcs12(name: str, content: bytes, passphrase: bytes) -> Found:
    try:
        found = pkcs12.load_pkcs12(content, passphrase or None)
    except (ValueError, UnsupportedAlgorithm):
        raise _locked(name, passphrase) from None
    certificates = [found.cert.certificate] if found.cert else []
    certificates += [one.certificate for one in found.additional_certs]
    return Found([_usable(name, found.key)] if found.key else [], certificates)


def _key(name: str, load: Callable[..., object], content: bytes, passphrase: bytes) -> Key:
    try:
        return _usable(name, load(content, passphrase or None))
    except TypeError:  # encrypted without a passphrase, or a passphrase for what is not encrypted
        if not passphrase:
            raise _locked(name, passphrase) from None
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED" in content or passphrase:
            raise _locked(name, passphrase) from None
        raise CertificateError(
            _("%(file)s is neither a certificate nor a private key.") % {"file": name},
            _("Upload PEM, DER, PKCS#7, PKCS#8 or PKCS#12."),
        ) from None
    return _key(name, load, content, b"")


def _usable(name: str, key: object) -> Key:
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return key
    raise CertificateError(
        _("The private key in %(file)s is of a kind that the servers cannot use: %(kind)s.")
        % {"file": name, "kind": type(key).__name__.removesuffix("PrivateKey")},
        _("Make an RSA key, and have it certified."),
    )


def _locked(name: str, passphrase: bytes) -> CertificateError:
    if passphrase:
        return CertificateError(
            _("%(file)s cannot be opened with this password.") % {"file": name}, _("Type its password again.")
        )
    return CertificateError(_("%(file)s is encrypted, or damaged.") % {"file": name}, _("Give its password."))


def _decoded(name: str, load: Callable[[bytes], Loaded], content: bytes) -> Loaded:
    try:
        return load(content)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(
            _("%(file)s holds a certificate that cannot be read.") % {"file": name}, _("See that it is whole.")
        ) from None

"""The formats that keys and certificates come in: PEM, DER, PKCS#7, PKCS#8 and PKCS#12."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
from django.utils.translation import gettext as _

from replicas.clients.certificates import load, load_signed_data
from replicas.hostside import pem
from replicas.uploads import derivation
from replicas.uploads.encrypted import locked, unlock
from replicas.uploads.errors import CertificateError
from replicas.uploads.keys import Key, usable

LARGEST = 1 << 20
"""Bytes of a file; a chain with its key has some thousand."""
PLAIN_KEYS = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "ANY PRIVATE KEY")
"""OpenSSL reads the content of any of them by its form, whatever the label says."""
LOCKED_KEY = "ENCRYPTED PRIVATE KEY"
SIGNED_DATA = ("PKCS7", "PKCS #7 SIGNED DATA", "CMS")
Loaded = TypeVar("Loaded")
MOST_LOCKED_KEYS = 4
"""Encrypted keys of a file that are opened: each one takes a process and up to a second or more."""
MOST_LABELS = 5
REQUESTS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")


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
    if b"-----BEGIN " in pem.narrow(content):
        return _from_pem(name, content, passphrase)
    return _from_der(name, content, passphrase)


def _from_pem(name: str, content: bytes, passphrase: bytes) -> Found:
    found = Found([], [])
    blocks = list(pem.blocks(content))
    locked_keys = sum(map(_is_locked, blocks))
    if locked_keys > MOST_LOCKED_KEYS:
        raise CertificateError(
            _("There are %(number)d private keys in the upload.") % {"number": locked_keys},
            _("Upload one private key with its certificate."),
        )
    for block in blocks:
        if block.label in pem.CERTIFICATES:
            found.certificates.append(_decoded(name, load, pem.first_element(block.content)))
        elif block.label in SIGNED_DATA:
            found.certificates.extend(_decoded(name, load_signed_data, block.content))
        elif _is_locked(block):
            found.keys.append(_locked_key(name, block.content, passphrase))
        elif block.label in PLAIN_KEYS and block.headers:
            found.keys.append(_plain_key(name, load_pem_private_key, block.text, passphrase))
        elif block.label in PLAIN_KEYS:
            found.keys.append(_plain_key(name, load_der_private_key, block.content, b""))
        elif block.label in REQUESTS:
            raise CertificateError(
                _("%(file)s is a certificate request.") % {"file": name},
                _("Upload what the authority made of it: the certificate."),
            )
    if not found.keys and not found.certificates:
        raise _nothing(name, blocks)
    return found


def _is_locked(block: pem.Block) -> bool:
    """Whether it takes work to open the block. The label alone does not tell."""
    return block.label == LOCKED_KEY or (block.label in PLAIN_KEYS and derivation.protects(block.content))


def _nothing(name: str, blocks: list[pem.Block]) -> CertificateError:
    """For a file in PEM that holds nothing of use."""
    if labels := ", ".join(list(dict.fromkeys(block.label for block in blocks))[:MOST_LABELS]):
        return CertificateError(
            _("%(file)s holds neither a certificate nor a private key that servers can use, but: %(labels)s.")
            % {"file": name, "labels": labels},
            _("Upload the certificate, its chain and its key in PEM, DER, PKCS#7, PKCS#8 or PKCS#12."),
        )
    return CertificateError(
        _("%(file)s holds neither a certificate nor a private key.") % {"file": name}, _("See that it is whole.")
    )


def _from_der(name: str, content: bytes, passphrase: bytes) -> Found:
    for read in (load, load_signed_data):
        try:
            found = read(content)
        except (ValueError, UnsupportedAlgorithm):
            continue
        return Found([], found if isinstance(found, list) else [found])
    if _begins_with(content, b"\x02\x01\x03"):  # a PFX of version 3 (RFC 7292, section 4)
        opened = unlock(name, "pkcs12", content, passphrase)
        keys = [_plain_key(name, load_der_private_key, opened.key, b"")] if opened.key else []
        return Found(keys, [_decoded(name, load, one) for one in opened.certificates])
    if _begins_with(content, b"\x30") and derivation.protects(
        content
    ):  # an algorithm comes first (RFC 5958, section 3), in a plain key a version
        return Found([_locked_key(name, content, passphrase)], [])
    return Found([_plain_key(name, load_der_private_key, content, b"")], [])


def _begins_with(content: bytes, inner: bytes) -> bool:
    """Whether a sequence begins with that."""
    head = 2 + (content[1] & 0x7F if content[1:2] and content[1] & 0x80 else 0)
    return content[:1] == b"\x30" and content[head : head + len(inner)] == inner


def _locked_key(name: str, content: bytes, passphrase: bytes) -> Key:
    if not passphrase:
        raise locked(name, passphrase)
    return _plain_key(name, load_der_private_key, unlock(name, "pkcs8", content, passphrase).key, b"")


def _plain_key(name: str, read: Callable[..., object], content: bytes, passphrase: bytes) -> Key:
    """A key that is not encrypted, or in the way of OpenSSL before 1.0, which takes no time."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about kinds of keys that are refused
            key = read(content, passphrase or None, unsafe_skip_rsa_key_validation=True)
    except TypeError:  # encrypted without a passphrase, or a passphrase for what is not encrypted
        if not passphrase:
            raise locked(name, passphrase) from None
        return _plain_key(name, read, content, b"")
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED" in content:
            raise locked(name, passphrase) from None
        raise CertificateError(
            _("%(file)s is neither a certificate nor a private key.") % {"file": name},
            _("Upload PEM, DER, PKCS#7, PKCS#8 or PKCS#12."),
        ) from None
    return usable(name, key)


def _decoded(name: str, read: Callable[[bytes], Loaded], content: bytes) -> Loaded:
    try:
        return read(content)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(
            _("%(file)s holds a certificate that cannot be read.") % {"file": name},
            _("See that it is whole and that its names are in UTF-8."),
        ) from None

"""Whether two files of certificates are of one authority."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from replicas.clients.certificates import canonical, readable


def same_certificates(one: str, other: str) -> bool:
    """Whether two PEM texts hold the same certificates in the same order, whatever else they hold."""
    return one.strip() == other.strip() or bool(known := canonical(one.encode())) and known == canonical(other.encode())


def same_authority(one: str, other: str) -> bool:
    """Whether two PEM texts are equal or have a key in common: an authority that is renewed keeps its key."""
    return same_certificates(one, other) or not {*_keys(one)}.isdisjoint(_keys(other))


def _keys(text: str) -> Iterator[bytes]:
    """The public keys (DER) of the certificates that can be read."""
    for certificate in readable(text):
        try:
            yield certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        except (ValueError, UnsupportedAlgorithm):
            continue

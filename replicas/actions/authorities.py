"""Whether two files of certificates are of one authority."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def same_authority(one: str, other: str) -> bool:
    """Whether two PEM texts are equal or have a key in common: an authority that is renewed keeps its key."""
    return one.strip() == other.strip() or bool(_keys(one) & _keys(other))


def _keys(text: str) -> set[bytes]:
    """The public keys (DER) of the certificates; none of what cannot be read."""
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return set()
    return {one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for one in found}

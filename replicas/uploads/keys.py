"""Private keys: of which kind they are, and whether their numbers belong together."""

from __future__ import annotations

from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.utils.translation import gettext as _

from replicas.uploads.errors import CertificateError

Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MOST_BITS = 16384
"""OpenSSL verifies no signature of a larger RSA key."""


def usable(name: str, key: object) -> Key:
    """The key that was uploaded by that name. Raises CertificateError for one that no service can use."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError(
            _("The private key in %(file)s is of a kind that the servers cannot use: %(kind)s.")
            % {"file": name, "kind": type(key).__name__.removesuffix("PrivateKey")},
            _("Make an RSA key, and have it certified."),
        )
    if key.key_size > MOST_BITS:
        raise CertificateError(
            _("The private key in %(file)s has %(bits)d bits, and programs use at most %(most)d.")
            % {"file": name, "bits": key.key_size, "most": MOST_BITS},
            _("Create an RSA key of 2048 to 4096 bits, and have it certified."),
        )
    if not _consistent(key.private_numbers()):
        raise CertificateError(
            _("The private key in %(file)s is damaged: its numbers do not belong together.") % {"file": name},
            _("Export the key again from where it was created."),
        )
    return key


def _consistent(key: rsa.RSAPrivateNumbers) -> bool:
    """Whether the numbers fit. That the factors are primes is not proved: it takes minutes for a large key."""
    public, factors = key.public_numbers, (key.p, key.q)
    return (
        min(factors) > 1
        and public.n == key.p * key.q
        and all((key.d * public.e - 1) % (factor - 1) == 0 for factor in factors)
        and (key.dmp1, key.dmq1) == tuple(key.d % (factor - 1) for factor in factors)
        and key.iqmp * key.q % key.p == 1
    )

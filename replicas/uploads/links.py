"""Check each certificate of a chain, by the rules of OpenSSL, of NSS and of FreeIPA's installers."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ObjectIdentifier
from django.utils.translation import gettext as _

from replicas.uploads.errors import CertificateError

BITS = 2048
"""Of an RSA key, at least: what crypto policies of today accept."""
CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""The curves that NSS is built with."""
RSA_PSS_KEY = ObjectIdentifier("1.2.840.113549.1.1.10")
DIGESTS = ("sha224", "sha256", "sha384", "sha512")
WEAK = ("md5", "sha1")
Extension = TypeVar("Extension", bound=x509.ExtensionType)


def subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or _("serial number %(number)d") % {"number": certificate.serial_number}


def extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    """The extension, if there is one. Raises CertificateError for extensions that cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except ValueError:
        raise CertificateError(
            _("%(subject)s has extensions that cannot be read.") % {"subject": subject(certificate)},
            _("Have it issued anew."),
        ) from None


def check_dates(certificate: x509.Certificate, now: datetime) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        raise CertificateError(
            _("%(subject)s is not valid before %(time)s UTC.")
            % {"subject": subject(certificate), "time": f"{begin:%Y-%m-%d %H:%M}"},
            _("Wait, or see that the clock is right."),
        )
    if now >= end:
        raise CertificateError(
            _("%(subject)s expired on %(time)s UTC.")
            % {"subject": subject(certificate), "time": f"{end:%Y-%m-%d %H:%M}"},
            _("Have it renewed first."),
        )


def check_authority(certificate: x509.Certificate, depth: int) -> None:
    """It may issue, with so many authorities below it (RFC 5280, 4.2.1.9), and has what the installer wants."""
    basic = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
        raise CertificateError(
            _("%(subject)s is no authority.") % {"subject": subject(certificate)},
            _("Upload the chain of the real issuer."),
        )
    if basic.path_length is not None and depth > basic.path_length:
        raise CertificateError(
            _("%(subject)s allows no more than %(number)d authorities below it.")
            % {"subject": subject(certificate), "number": basic.path_length},
            _("Use another chain."),
        )
    identifier = extension(certificate, x509.SubjectKeyIdentifier)
    if identifier is None or not identifier.digest or not certificate.subject:
        raise CertificateError(
            _("%(subject)s has no subject or no subject key identifier, and the installer wants both of an authority.")
            % {"subject": subject(certificate)},
            _("Have the authority's certificate issued again with them."),
        )


def check_key(certificate: x509.Certificate) -> None:
    """Both OpenSSL and NSS can use the public key."""
    try:
        key = None if certificate.public_key_algorithm_oid == RSA_PSS_KEY else certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < BITS:
            raise CertificateError(
                _("The key of %(subject)s has %(bits)d bits.")
                % {"subject": subject(certificate), "bits": key.key_size},
                _("Make a new key of at least %(bits)d bits, and have it certified.") % {"bits": BITS},
            )
    elif not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise CertificateError(
            _("The key of %(subject)s is of a kind that the servers cannot use: %(kind)s.")
            % {"subject": subject(certificate), "kind": _kind(certificate, key)},
            _("Use RSA, or one of the curves P-256, P-384 and P-521."),
        )


def check_signature(certificate: x509.Certificate) -> None:
    """The digest that was signed is neither too weak nor unknown to NSS."""
    digest = digest_of(certificate)
    if digest in WEAK:
        raise CertificateError(
            _("%(subject)s is signed with %(digest)s, which is too weak.")
            % {"subject": subject(certificate), "digest": digest.upper()},
            _("Have it issued again with SHA-256."),
        )
    if digest not in DIGESTS:
        raise CertificateError(
            _("%(subject)s is signed in a way that the servers cannot verify: %(digest)s.")
            % {"subject": subject(certificate), "digest": digest},
            _("Have it issued again with SHA-256."),
        )


def digest_of(certificate: x509.Certificate) -> str:
    """The name of the digest, or the number of a signature that has none."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    return algorithm.name if algorithm else certificate.signature_algorithm_oid.dotted_string


def problem(path: tuple[x509.Certificate, ...], now: datetime) -> CertificateError | None:
    """The first thing that is wrong with a path from a service's certificate to a root, whatever the service."""
    try:
        for certificate in path:
            check_dates(certificate, now)
        for depth, authority in enumerate(path[1:]):
            check_authority(authority, depth)
        for certificate in path:
            check_key(certificate)
        # The signature of a root by itself proves nothing, so nobody verifies it.
        for certificate in path[:-1] if len(path) > 1 else path:
            check_signature(certificate)
    except CertificateError as error:
        return error
    return None


def _kind(certificate: x509.Certificate, key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    if certificate.public_key_algorithm_oid == RSA_PSS_KEY:
        return "RSA-PSS"
    return type(key).__name__.removesuffix("PublicKey") if key else certificate.public_key_algorithm_oid.dotted_string

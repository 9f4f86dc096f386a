"""What OpenSSL, NSS and FreeIPA's installers want of a certificate, wherever it comes from."""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

BITS = 2048
"""Of an RSA key, at least: what crypto policies of today accept."""
CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""The curves that NSS is built with."""
RSA_PSS_KEY = ObjectIdentifier("1.2.840.113549.1.1.10")
DIGESTS = ("sha224", "sha256", "sha384", "sha512")
"""Of signatures that both OpenSSL and NSS verify."""
WEAK = ("md5", "sha1")
KNOWN_TO_NSS = (
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    ExtensionOID.OCSP_NO_CHECK,
    ObjectIdentifier("2.16.840.1.113730.1.1"),  # Netscape's certificate type
)
"""Extensions that may be critical: `certutil -V`, which the installer runs, refuses others, such as policies."""
Extension = TypeVar("Extension", bound=x509.ExtensionType)


def extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    """The extension, if there is one. Raises ValueError for extensions that cannot be read."""
    try:
        return _extensions(certificate).get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def unknown_to_nss(certificate: x509.Certificate) -> str:
    """A critical extension that NSS does not know, so it refuses the certificate; else "". Raises ValueError."""
    critical = (one.oid for one in _extensions(certificate) if one.critical and one.oid not in KNOWN_TO_NSS)
    return next((f"{oid._name} ({oid.dotted_string})" for oid in critical), "")


def _extensions(certificate: x509.Certificate) -> x509.Extensions:
    """All extensions. Raises ValueError for extensions that cannot be read."""
    try:
        return certificate.extensions
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:  # neither is a ValueError
        raise ValueError(str(error)) from error


def few_bits(certificate: x509.Certificate) -> int:
    """The size of an RSA key that is too small, else 0."""
    key = _key(certificate)
    return key.key_size if isinstance(key, rsa.RSAPublicKey) and key.key_size < BITS else 0


def foreign_key(certificate: x509.Certificate) -> str:
    """The kind of a public key that no server of a realm can use, else ""."""
    key = _key(certificate)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if key.curve.name in CURVES else key.curve.name
    if certificate.public_key_algorithm_oid == RSA_PSS_KEY:
        return "RSA-PSS"
    if isinstance(key, rsa.RSAPublicKey):
        return ""
    return type(key).__name__.removesuffix("PublicKey") if key else certificate.public_key_algorithm_oid.dotted_string


def digest_of(certificate: x509.Certificate) -> str:
    """The name of the digest that was signed, or the number of a signature that has none."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    return algorithm.name if algorithm else certificate.signature_algorithm_oid.dotted_string


def is_identified(authority: x509.Certificate) -> bool:
    """Whether an authority has a subject and a key identifier, without which the installer stops. Raises ValueError."""
    identifier = extension(authority, x509.SubjectKeyIdentifier)
    return bool(authority.subject) and identifier is not None and bool(identifier.digest)


def has_host_names(certificate: x509.Certificate) -> bool:
    """Whether a subject alternative name is a host. OpenSSL would take the common name, and the installer does not."""
    names = extension(certificate, x509.SubjectAlternativeName)
    return names is not None and bool(names.get_values_for_type(x509.DNSName))


def lacking_use(certificate: x509.Certificate) -> str:
    """The key usage that NSS misses in a TLS server's certificate, else "". Raises ValueError."""
    usage = extension(certificate, x509.KeyUsage)
    if usage is None:
        return ""
    if isinstance(_key(certificate), rsa.RSAPublicKey):
        return "" if usage.key_encipherment else "keyEncipherment"
    return "" if usage.digital_signature or usage.key_agreement else "digitalSignature"


def _key(certificate: x509.Certificate) -> CertificatePublicKeyTypes | None:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None

"""Uploaded files, taken together: a service's certificate, its key, and the chain up to the root."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.utils.translation import gettext as _

from replicas.clients import certificate_rules as rules
from replicas.lifecycle.job import UploadedCertificate
from replicas.uploads import paths
from replicas.uploads.errors import CertificateError
from replicas.uploads.formats import contents
from replicas.uploads.keys import Key
from replicas.uploads.links import shown, subject

MOST = 1000
"""Certificates in an upload."""
MOST_OTHERS = 50
"""Certificates that are kept beside the chain."""


@dataclass(frozen=True, slots=True)
class ServiceCertificate:
    """A service's certificate with its key, and the chain from its issuer up to the root, the root included."""

    key: Key = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    others: tuple[x509.Certificate, ...] = ()
    """What else was uploaded. Another realm may know another chain."""

    def pem(self) -> str:
        """The one form in which it is kept: the key without a password, the certificate, its chain, and the others."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificates = (self.certificate, *self.chain, *self.others)
        return (key + b"".join(one.public_bytes(Encoding.PEM) for one in certificates)).decode()

    def described(self) -> UploadedCertificate:
        """What everybody may know of it."""
        one = self.certificate
        return UploadedCertificate(
            subject=one.subject.rfc4514_string(),
            issuer=one.issuer.rfc4514_string(),
            names=tuple(dns_names(one)),
            begins=one.not_valid_before_utc.isoformat(),
            ends=one.not_valid_after_utc.isoformat(),
            sha256=one.fingerprint(hashes.SHA256()).hex(),
            chain=tuple(link.fingerprint(hashes.SHA256()).hex() for link in self.chain),
        )


def read(
    files: Sequence[tuple[str, bytes]], passphrase: str = "", trusted: Iterable[x509.Certificate] = ()
) -> ServiceCertificate:
    """What is in these files, each with the name that it was uploaded by, taken together.

    `passphrase` opens what is encrypted; `trusted` are authorities that need not be uploaded. Raises CertificateError.
    """
    keys: list[Key] = []
    certificates: list[x509.Certificate] = []
    for name, content in files:
        found = contents(name, content, passphrase.encode())
        keys += found.keys
        certificates += found.certificates
    certificates = list(dict.fromkeys(certificates))
    if len(certificates) > MOST:
        raise CertificateError(
            _("There are more than %(number)d certificates in the upload.") % {"number": MOST},
            _("Upload the service's certificate and its chain."),
        )
    now = datetime.now(UTC)
    key, certificate = _pair(keys, certificates, now)
    chain = _chain(certificate, certificates, trusted, now)
    others = [one for one in certificates if one != certificate and one not in chain]
    return ServiceCertificate(key, certificate, chain, tuple(others[:MOST_OTHERS]))


def dns_names(certificate: x509.Certificate) -> list[str]:
    """In lower case; none when the extension cannot be read, of which the check tells."""
    try:
        names = rules.extension(certificate, x509.SubjectAlternativeName)
    except ValueError:
        return []
    return [name.lower() for name in names.get_values_for_type(x509.DNSName)] if names else []


def _pair(keys: Sequence[Key], certificates: Sequence[x509.Certificate], now: datetime) -> tuple[Key, x509.Certificate]:
    different = {_public(key): key for key in keys}
    remedy = _("Upload one private key with its certificate.")
    if not different:
        raise CertificateError(_("There is no private key in the upload."), remedy)
    if len(different) > 1:
        raise CertificateError(
            _("There are %(number)d private keys in the upload.") % {"number": len(different)}, remedy
        )
    ((public, key),) = different.items()
    of_key = [certificate for certificate in certificates if _public(certificate) == public]
    if not of_key:
        raise CertificateError(
            _("The private key belongs to none of the certificates."),
            _("Upload the certificate that was made for this key."),
        )
    # A renewal may have kept the key.
    valid = [one for one in of_key if one.not_valid_before_utc <= now < one.not_valid_after_utc]
    if len(of_key) > 1 and len(valid) != 1:
        raise CertificateError(
            _("%(number)d certificates belong to the private key.") % {"number": len(of_key)},
            _("Upload the one that is to be used."),
        )
    return key, (valid or of_key)[0]


def _public(one: Key | x509.Certificate) -> bytes:
    """Nothing for a certificate whose key cannot be read."""
    try:
        return one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return b""


def _chain(
    certificate: x509.Certificate,
    uploaded: Iterable[x509.Certificate],
    trusted: Iterable[x509.Certificate],
    now: datetime,
) -> tuple[x509.Certificate, ...]:
    """From its issuer to a root. Raises CertificateError."""
    search = paths.Search(uploaded, trusted, now)
    if path := search.best(certificate):
        return path[1:]
    if search.too_long:
        raise CertificateError(
            _("The chain has more than %(number)d certificates.") % {"number": paths.LONGEST},
            _("See that no authority issued itself."),
        )
    last = search.incomplete[-1]
    raise CertificateError(
        _("%(issuer)s, which issued %(subject)s, is missing.")
        % {"issuer": shown(last.issuer), "subject": subject(last)},
        _("Upload the whole chain, the root included."),
    )

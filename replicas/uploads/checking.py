"""Whether servers and clients will accept an uploaded certificate: names, use, and an authority of the realm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from django.utils.translation import gettext as _

from replicas.clients import certificate_rules as rules
from replicas.uploads import links, verdict
from replicas.uploads.errors import CertificateError
from replicas.uploads.links import extension, subject
from replicas.uploads.reading import ServiceCertificate, dns_names

KDC_USE = ObjectIdentifier("1.3.6.1.5.2.3.5")
KDC_NAME = ObjectIdentifier("1.3.6.1.5.2.2")
"""id-pkinit-KPKdc and id-pkinit-san (RFC 4556, section 3.2.4)."""
NAME_TYPES = range(3)
"""Unknown, principal, service and instance (RFC 4120, section 6.2): issuers write any of them."""

MOST_NAMES = 5
"""Host names of a certificate that a message repeats."""


def check_server(given: ServiceCertificate, hostname: str, now: datetime) -> None:
    """For TLS with that name. Raises CertificateError."""
    _check_any(given, now)
    _check_name(given.certificate, hostname)
    _check_use(given.certificate, ExtendedKeyUsageOID.SERVER_AUTH, _("by a TLS server"), needed=False)
    _check_key_use(given.certificate)
    links.check_critical(given.certificate)
    verdict.require((given.certificate, *given.chain), now, hostname)


def check_kdc(given: ServiceCertificate, realm: str, now: datetime) -> None:
    """For PKINIT with the realm's KDC. Raises CertificateError."""
    _check_any(given, now)
    principal = f"krbtgt/{realm}@{realm}"
    if not _kdc_names(given.certificate) & {_principal_name(realm, kind) for kind in NAME_TYPES}:
        raise CertificateError(
            _("%(subject)s is not for the principal %(principal)s.")
            % {"subject": subject(given.certificate), "principal": principal},
            _("Have a certificate issued with that principal as a subject alternative name (RFC 4556)."),
        )
    _check_use(given.certificate, KDC_USE, _("by a KDC"), needed=True)
    verdict.require((given.certificate, *given.chain), now)


def check_trust(given: ServiceCertificate, trusted: Sequence[x509.Certificate]) -> None:
    """Servers and clients of the realm know an authority of the chain. Raises CertificateError."""
    if not {*given.chain} & {*trusted}:
        root = given.chain[-1] if given.chain else given.certificate
        raise CertificateError(
            _("%(root)s, which %(subject)s leads to, is no authority of the realm.")
            % {"root": subject(root), "subject": subject(given.certificate)},
            _("Use an authority that the realm knows (/etc/ipa/ca.crt on the master), or add this one there first."),
        )


def _check_any(given: ServiceCertificate, now: datetime) -> None:
    if wrong := links.problem((given.certificate, *given.chain), now):
        raise wrong
    basic = extension(given.certificate, x509.BasicConstraints)
    if basic is not None and basic.ca:
        raise CertificateError(
            _("%(subject)s is an authority's certificate.") % {"subject": subject(given.certificate)},
            _("Upload one that was issued for the server."),
        )


def _check_name(certificate: x509.Certificate, hostname: str) -> None:
    extension(certificate, x509.SubjectAlternativeName)  # one that cannot be read is an error of its own
    written = dns_names(certificate)
    _label, _dot, parent = hostname.partition(".")
    if hostname not in written and f"*.{parent}" not in written:
        raise CertificateError(
            _("%(subject)s is for %(names)s, not for %(host)s.")
            % {
                "subject": subject(certificate),
                "names": _listed(written) or _("no host at all"),
                "host": hostname,
            },
            _("Have a certificate issued with that name as a subject alternative name."),
        )


def _listed(names: Sequence[str]) -> str:
    """Name some of them: a certificate can have thousands."""
    text = ", ".join(name[: links.MOST_SHOWN] for name in names[:MOST_NAMES])
    return text if len(names) <= MOST_NAMES else f"{text}, …"


def _check_use(certificate: x509.Certificate, use: ObjectIdentifier, who: str, needed: bool) -> None:
    """`needed`: a certificate that does not say what it is for is not for this. OpenSSL and NSS take no "any use"."""
    uses = extension(certificate, x509.ExtendedKeyUsage)
    if (uses is None and needed) or (uses is not None and use not in set(uses)):
        raise CertificateError(
            _("%(subject)s may not be used %(who)s.") % {"subject": subject(certificate), "who": who},
            _("Have one issued with the extended key usage for it."),
        )


def _check_key_use(certificate: x509.Certificate) -> None:
    """NSS wants an RSA key of a TLS server to be for key encipherment, where its use is limited."""
    if wanted := rules.lacking_use(certificate):
        raise CertificateError(
            _("The key usage of %(subject)s lacks %(usage)s, which a TLS server needs.")
            % {"subject": subject(certificate), "usage": wanted},
            _("Have it issued again with the key usage digitalSignature and keyEncipherment."),
        )


def _kdc_names(certificate: x509.Certificate) -> set[bytes]:
    names = extension(certificate, x509.SubjectAlternativeName)
    others = names.get_values_for_type(x509.OtherName) if names else []
    return {other.value for other in others if other.type_id == KDC_NAME}


def _principal_name(realm: str, kind: int) -> bytes:
    """KRB5PrincipalName of the ticket-granting service (RFC 4556, section 3.2.2), in DER."""
    parts = b"".join(_der(0x1B, text.encode()) for text in ("krbtgt", realm))
    name = _der(0xA0, _der(0x02, bytes([kind]))) + _der(0xA1, _der(0x30, parts))
    return _der(0x30, _der(0xA0, _der(0x1B, realm.encode())) + _der(0xA1, _der(0x30, name)))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x80 + (size.bit_length() + 7) // 8]) + _big(size)
    return bytes([tag]) + length + content


def _big(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")

"""Check each certificate of a chain, by the rules of OpenSSL, of NSS and of FreeIPA's installers."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from django.utils.translation import gettext as _

from replicas.clients import certificate_rules as rules
from replicas.uploads.errors import CertificateError

MOST_SHOWN = 200
"""Characters of a name that a message repeats."""


def subject(certificate: x509.Certificate) -> str:
    return shown(certificate.subject) or _("serial number %(number)d") % {"number": certificate.serial_number}


def shown(name: x509.Name) -> str:
    """Return a name as messages repeat it."""
    text = name.rfc4514_string()
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def extension(certificate: x509.Certificate, kind: type[rules.Extension]) -> rules.Extension | None:
    """The extension, if there is one. Raises CertificateError for extensions that cannot be read."""
    try:
        return rules.extension(certificate, kind)
    except ValueError:
        raise _unreadable_extensions(certificate) from None


def _unreadable_extensions(certificate: x509.Certificate) -> CertificateError:
    return CertificateError(
        _("%(subject)s has extensions that cannot be read.") % {"subject": subject(certificate)},
        _("Have it issued anew."),
    )


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
    if not rules.is_identified(certificate):
        raise CertificateError(
            _("%(subject)s has no subject or no subject key identifier, and the installer wants both of an authority.")
            % {"subject": subject(certificate)},
            _("Have the authority's certificate issued again with them."),
        )


def check_key(certificate: x509.Certificate) -> None:
    """Both OpenSSL and NSS can use the public key."""
    if bits := rules.few_bits(certificate):
        raise CertificateError(
            _("The key of %(subject)s has %(bits)d bits.") % {"subject": subject(certificate), "bits": bits},
            _("Make a new key of at least %(bits)d bits, and have it certified.") % {"bits": rules.BITS},
        )
    if kind := rules.foreign_key(certificate):
        raise CertificateError(
            _("The key of %(subject)s is of a kind that the servers cannot use: %(kind)s.")
            % {"subject": subject(certificate), "kind": kind},
            _("Use RSA, or one of the curves P-256, P-384 and P-521."),
        )


def check_signature(certificate: x509.Certificate) -> None:
    """The digest that was signed is neither too weak nor unknown to NSS."""
    digest = rules.digest_of(certificate)
    if digest in rules.WEAK:
        raise CertificateError(
            _("%(subject)s is signed with %(digest)s, which is too weak.")
            % {"subject": subject(certificate), "digest": digest.upper()},
            _("Have it issued again with SHA-256."),
        )
    if digest not in rules.DIGESTS:
        raise CertificateError(
            _("%(subject)s is signed in a way that the servers cannot verify: %(digest)s.")
            % {"subject": subject(certificate), "digest": digest},
            _("Have it issued again with SHA-256."),
        )


def check_critical(certificate: x509.Certificate) -> None:
    """NSS knows every extension that is critical."""
    try:
        unknown = rules.unknown_to_nss(certificate)
    except ValueError:
        raise _unreadable_extensions(certificate) from None
    if unknown:
        raise CertificateError(
            _("%(subject)s has a critical extension that the servers do not know: %(extension)s.")
            % {"subject": subject(certificate), "extension": unknown},
            _("Have it issued again with that extension not critical, or without it."),
        )


def problem(path: tuple[x509.Certificate, ...], now: datetime) -> CertificateError | None:
    """The first thing that is wrong with a path from a service's certificate to a root, whatever the service."""
    try:
        for certificate in path:
            check_dates(certificate, now)
        for depth, authority in enumerate(path[1:]):
            check_authority(authority, depth)
        for certificate in path:
            check_key(certificate)
        for authority in path[1:]:
            check_critical(authority)
        # A root's signature by itself proves nothing, so no program verifies it.
        for certificate in path[:-1] if len(path) > 1 else path:
            check_signature(certificate)
    except CertificateError as error:
        return error
    return None

"""All that is uploaded for one replica: each checked for its service, and one authority for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from replicas.clients.certificates import readable
from replicas.lifecycle.job import JSON
from replicas.uploads import checking
from replicas.uploads.errors import CertificateError
from replicas.uploads.reading import ServiceCertificate, read

if TYPE_CHECKING:
    from replicas.models import Realm

KDC = "pkinit_certificate"


def check(given: Mapping[str, str], hostname: str, realm: Realm) -> dict[str, JSON]:
    """What a request keeps of certificates that were uploaded (UPLOADS, as PEM): UploadedCertificate by name.

    Raises ValidationError by name.
    """
    trusted = authorities(realm) if given else []
    found: dict[str, ServiceCertificate] = {}
    errors: dict[str, str] = {}
    for name, pem in given.items():
        try:
            found[name] = _checked(name, pem, hostname, realm.name, trusted)
        except CertificateError as error:
            errors[name] = str(error)
    # The installer compares what issued them, not the roots.
    issuers = {name: one.chain[0] for name, one in found.items()}
    first = next(iter(issuers), "")
    for name, issuer in issuers.items():
        if issuer != issuers[first]:
            errors[name] = _("It is of another authority than the other one: the installer wants one for all of them.")
    if errors:
        raise ValidationError(errors)
    return {name: one.described().to_json() for name, one in found.items()}


def authorities(*realms: Realm) -> list[x509.Certificate]:
    """Those that servers and clients of these realms know."""
    return [certificate for realm in realms for certificate in readable(realm.ca_certificate)]


def _checked(name: str, pem: str, hostname: str, realm: str, trusted: list[x509.Certificate]) -> ServiceCertificate:
    """Raises CertificateError."""
    given, now = read([("PEM", pem.encode())], trusted=trusted), datetime.now(UTC)
    if name == KDC:
        checking.check_kdc(given, realm, now)
    else:
        checking.check_server(given, hostname, now)
    checking.check_trust(given, trusted)
    return given

"""Certificates as a look at any kind of realm finds them: of its authority, and of each server."""

from __future__ import annotations

from replicas.clients.certificates import days_left, presented
from replicas.errors import StepError
from replicas.lifecycle.base import CertificateHealth
from replicas.lifecycle.job import RealmFacts
from replicas.together import together

PORTS = (636, 443)
"""Where a server of either kind presents them: the directory's, and the web server's."""


def authority(realm: RealmFacts) -> CertificateHealth:
    """Raises StepError."""
    try:
        return CertificateHealth(f"Authority of {realm.name}", days_left(realm.ca_certificate))
    except ValueError as error:
        raise StepError(
            f"The certificate that is stored for the authority of {realm.name} cannot be read.",
            "Read the realm's master again (Change master).",
        ) from error


async def of_server(name: str, address: str) -> tuple[CertificateHealth, ...]:
    """Of each port that answers with a certificate that can be read."""
    found = await together(*(_on_port(name, address, port) for port in PORTS))
    return tuple(one for one in found if one is not None)


async def _on_port(name: str, address: str, port: int) -> CertificateHealth | None:
    try:
        return CertificateHealth(f"{name}, port {port}", days_left(await presented(address, port)))
    except (OSError, ValueError):
        return None

"""What is wrong with an upload."""

from __future__ import annotations

from replicas.errors import PortalError


class CertificateError(PortalError):
    """The upload cannot serve; says which file or certificate is wrong, and what to do about it."""

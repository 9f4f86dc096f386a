"""Certificates of servers: what one presents on a port, and how long one is valid."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

from cryptography import x509

PROBE_SECONDS = 3.0


async def presented(address: str, port: int) -> str:
    """The certificate (PEM) of whoever answers there, an expired one too. Nobody checks who that is. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(PROBE_SECONDS):
        _, writer = await asyncio.open_connection(address, port, ssl=context)
    try:
        return ssl.DER_cert_to_PEM_cert(writer.get_extra_info("ssl_object").getpeercert(True))
    finally:
        writer.transport.abort()  # a server that does not say goodbye holds nobody up


def days_left(pem: str) -> int:
    """Of the first certificate that is in there; negative when it has expired."""
    return (x509.load_pem_x509_certificates(pem.encode())[0].not_valid_after_utc - datetime.now(UTC)).days

"""Certificates: those of a realm's authorities, what a server presents on a port, and how long one is valid."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.utils import CryptographyDeprecationWarning

from replicas.hostside import pem, tls

PROBE_SECONDS = 3.0


async def presented(address: str, port: int) -> str:
    """The certificate (PEM) of whoever answers there, an expired one too. Nobody checks who that is. Raises OSError."""
    async with asyncio.timeout(PROBE_SECONDS):
        _, writer = await asyncio.open_connection(address, port, ssl=tls.accepting())
    try:
        return ssl.DER_cert_to_PEM_cert(writer.get_extra_info("ssl_object").getpeercert(True))
    finally:
        writer.transport.abort()  # a server that does not say goodbye holds nobody up


def load(content: bytes) -> x509.Certificate:
    """A certificate (DER) whose names and dates can be read. Raises ValueError.

    OpenSSL takes a serial number that is zero or negative, as authorities of old have, so this does not warn of it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            return _complete(x509.load_der_x509_certificate(content))
        except x509.InvalidVersion as error:
            raise ValueError(str(error)) from error


def load_signed_data(content: bytes) -> list[x509.Certificate]:
    """The certificates in PKCS#7 (DER), whose names and dates can be read. Raises ValueError, UnsupportedAlgorithm.

    OpenSSL writes them in the order in which it read them, which is not the order of DER; this does not warn of it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [_complete(one) for one in pkcs7.load_der_pkcs7_certificates(content)]
        except x509.InvalidVersion as error:
            raise ValueError(str(error)) from error


def _complete(certificate: x509.Certificate) -> x509.Certificate:
    """Read what the library parses only on demand: texts in a wrong encoding or dates of year 0 fail here.

    Raises ValueError.
    """
    _ = certificate.subject, certificate.issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return certificate


def readable(text: str) -> list[x509.Certificate]:
    """The certificates of a PEM text that can be read."""
    found = []
    for content in pem.certificates(text.encode()):
        try:
            found.append(load(content))
        except ValueError:
            continue
    return found


def canonical(text: bytes) -> str:
    """The certificates of a PEM text that OpenSSL can read, and nothing else that may be in it; "" for none."""
    readable = filter(tls.readable, pem.certificates(text))
    return "".join(pem.Block("CERTIFICATE", b"", one).text.decode("ascii") for one in readable)


def days_left(text: str) -> int:
    """The days until the first certificate that matters in the PEM text expires. Raises ValueError if none is readable.

    An expired certificate does not matter beside a valid one with the same subject, as a renewal leaves them, nor when
    it issued none of the valid ones.
    """
    now = datetime.now(UTC)
    return (min(one.not_valid_after_utc for one in _decisive(readable(text), now)) - now).days


def _decisive(certificates: Sequence[x509.Certificate], now: datetime) -> list[x509.Certificate]:
    newest: dict[x509.Name, x509.Certificate] = {}
    for one in sorted(certificates, key=lambda one: (one.not_valid_before_utc <= now, one.not_valid_after_utc)):
        newest[one.subject] = one
    valid = [one for one in newest.values() if one.not_valid_after_utc > now]
    if not valid:
        return [max(certificates, key=lambda one: one.not_valid_after_utc)] if certificates else []
    issuers = {one.issuer for one in valid}
    return valid + [one for one in newest.values() if one not in valid and one.subject in issuers]

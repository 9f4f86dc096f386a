"""Authorities and certificates for tests, issued at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier

from replicas.uploads import checking
from replicas.uploads.keys import Key

HOST = "ipareplica.example.com"
REALM = "EXAMPLE.COM"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
SERIALS = count(1000)
PASSPHRASE = "opens it"


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@cache
def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def issue(
    text: str,
    issuer: str,
    by: Key,
    of: Key,
    *extensions: x509.ExtensionType,
    begin: datetime = NOW - DAY,
    end: datetime = NOW + 100 * DAY,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(name(issuer), name(text), of.public_key(), next(SERIALS), begin, end)
    if any(isinstance(extension, x509.BasicConstraints) and extension.ca for extension in extensions):
        extensions += (x509.SubjectKeyIdentifier.from_public_key(of.public_key()),)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(by, hashes.SHA256())


def authority(length: int | None = None) -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=True, path_length=length)


def names(*written: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(one) for one in written])


def kdc_names(realm: str = REALM) -> x509.SubjectAlternativeName:
    """As RFC 4556 wants them; a test compares with what OpenSSL writes."""
    return x509.SubjectAlternativeName([x509.OtherName(checking.KDC_NAME, checking._principal_name(realm, 2))])


def use(*uses: ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage(uses)


ROOT = issue("Root", "Root", key(0), key(0), authority())
MIDDLE = issue("Middle", "Root", key(0), key(1), authority(0))
SERVER = issue(HOST, "Middle", key(1), key(2), names(HOST))
KDC = issue("KDC", "Middle", key(1), key(3), kdc_names(), use(checking.KDC_USE))
SERVERS, KDCS = key(2), key(3)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def pkcs8(of: Key = SERVERS, encoding: Encoding = Encoding.PEM, passphrase: str = "") -> bytes:
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    content: bytes = of.private_bytes(encoding, PrivateFormat.PKCS8, lock)
    return content


def traditional() -> bytes:
    return SERVERS.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def sealed(passphrase: str = PASSPHRASE) -> bytes:
    lock = BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(b"web", SERVERS, SERVER, [MIDDLE, ROOT], lock)


def in_pkcs7(encoding: Encoding) -> bytes:
    return pkcs7.serialize_certificates([ROOT, SERVER, MIDDLE], encoding)


WHOLE = pkcs8() + pem(SERVER, MIDDLE, ROOT)
WHOLE_KDC = pkcs8(KDCS) + pem(KDC, MIDDLE, ROOT)

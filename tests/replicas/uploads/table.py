"""Certificates of all kinds for HOST: each case has what is uploaded, and what a realm trusts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.replicas.uploads.issuing import DAY, HOST, NOW, SERIALS, authority, name, names, pem


@cache
def rsa_key(number: int, bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


@cache
def curve_key(number: int, curve: type[ec.EllipticCurve]) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def by_openssl(*options: str) -> bytes:
    return subprocess.run(["openssl", "genpkey", *options], check=True, capture_output=True).stdout


def usage(*allowed: str) -> x509.KeyUsage:
    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{one: one in allowed for one in every})


def key_text(key: Any) -> bytes:
    if isinstance(key, bytes):
        return key
    content: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return content


AUTHORITY = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n"
FOR_HOST = f"subjectAltName=DNS:{HOST}\n"


@cache
def signed_by_openssl(subject: str, of: Any, extensions: str, *options: str) -> x509.Certificate:
    """Issued by Root, or by itself, in a way that the library refuses."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (("of", key_text(of)), ("by", key_text(rsa_key(0))), ("root", pem(root()))):
            (folder / file).write_bytes(content)
        (folder / "extensions").write_text(extensions)
        ask = ["openssl", "req", "-new", "-key", "of", "-subj", f"/CN={subject}", "-config", "/dev/null", "-out", "csr"]
        subprocess.run(ask, cwd=folder, check=True, capture_output=True)
        issuer = ["-signkey", "of"] if subject == "Root" else ["-CA", "root", "-CAkey", "by", "-set_serial", "99"]
        sign = ["openssl", "x509", "-req", "-in", "csr", "-days", "9", "-extfile", "extensions", *issuer, *options]
        return x509.load_pem_x509_certificate(subprocess.run(sign, cwd=folder, check=True, capture_output=True).stdout)


def key_identifier(key: Any) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def make(
    subject: x509.Name,
    issuer: x509.Name,
    by: Any,
    of: Any,
    *extensions: x509.ExtensionType,
    critical: tuple[type[x509.ExtensionType], ...] = (),
    begin: datetime = NOW - DAY,
    end: datetime = NOW + 100 * DAY,
    digest: Any = None,
    **options: Any,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(issuer, subject, of.public_key(), next(SERIALS), begin, end)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, critical))
    edwards = isinstance(by, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(by, None if edwards else digest or hashes.SHA256(), **options)


def issuer(text: str, above: str, by: Any, of: Any, *more: x509.ExtensionType, **options: Any) -> x509.Certificate:
    return make(name(text), name(above), by, of, authority(), key_identifier(of), *more, **options)


@dataclass
class Case:
    """`certificates` is uploaded with the key; `roots` are what the realm trusts. `accepted`: by the installers."""

    leaf: x509.Certificate
    certificates: list[x509.Certificate]
    roots: list[x509.Certificate]
    key: Any = field(default_factory=lambda: rsa_key(2))

    def key_pem(self) -> bytes:
        return key_text(self.key)


def plain(*extensions: x509.ExtensionType, key: Any = None, **options: Any) -> Case:
    """A server's certificate by an intermediate authority below the root."""
    own = key or rsa_key(2)
    loaded = load_pem_private_key(own, None) if isinstance(own, bytes) else own
    subject = options.pop("subject", name(HOST))
    leaf = make(subject, name("Middle"), rsa_key(1), loaded, *(extensions or (names(HOST),)), **options)
    return Case(leaf, [leaf, middle()], [root()], own)


def root(*more: x509.ExtensionType, key: Any = None, **options: Any) -> x509.Certificate:
    key = key or rsa_key(0)
    return issuer("Root", "Root", key, key, *more, **options)


def middle(*more: x509.ExtensionType, **options: Any) -> x509.Certificate:
    return issuer("Middle", "Root", rsa_key(0), rsa_key(1), *more, **options)


def below(link: x509.Certificate, *more: x509.Certificate, roots: list[x509.Certificate] | None = None) -> Case:
    """The usual certificate below another intermediate authority."""
    return Case(plain().leaf, [plain().leaf, link, *more], roots or [root()])


def by_root(key: Any, *extensions: x509.ExtensionType, **options: Any) -> Case:
    """A certificate that a root with that key issued itself."""
    leaf = make(name(HOST), name("Root"), key, rsa_key(2), *(extensions or (names(HOST),)), **options)
    digest = {"digest": options["digest"]} if "digest" in options else {}
    return Case(leaf, [leaf], [root(key=key, **digest)])


def directly(leaf: x509.Certificate, key: Any = None) -> Case:
    return Case(leaf, [leaf], [root()], key or rsa_key(2))


def weak_root(digest: str) -> x509.Certificate:
    return signed_by_openssl("Root", rsa_key(0), AUTHORITY, digest)


def permitted(*allowed: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(list(allowed), None)


def excluded(*refused: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(None, list(refused))


def directory(organization: str) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)]))


UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x04\x00")
POLICIES = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("2.5.29.32.0"), None)])
POINTS = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier("http://ca.example.com/crl")], None, None, None)]
)
NETWORK = x509.IPAddress(ip_network("192.0.2.0/24"))
CROSSED = issuer("Root", "Old", rsa_key(5), rsa_key(0))
OLD = issuer("Old", "Old", rsa_key(5), rsa_key(5))
PAST = {"begin": NOW - 9 * DAY, "end": NOW - DAY}
PSS_KEY = by_openssl("-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048")
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)

CASES: dict[str, Callable[[], Case]] = {
    "as usual": plain,
    "by the root itself": lambda: by_root(rsa_key(0)),
    "a key on P-256": lambda: plain(key=curve_key(0, ec.SECP256R1)),
    "a key on P-384": lambda: plain(key=curve_key(0, ec.SECP384R1)),
    "a key on P-521": lambda: plain(key=curve_key(0, ec.SECP521R1)),
    "a key on P-224": lambda: plain(key=curve_key(0, ec.SECP224R1)),
    "a key on secp256k1": lambda: plain(key=curve_key(0, ec.SECP256K1)),
    "a key on brainpoolP256r1": lambda: plain(key=curve_key(0, ec.BrainpoolP256R1)),
    "a key on brainpoolP384r1": lambda: plain(key=curve_key(0, ec.BrainpoolP384R1)),
    "an RSA-PSS key": lambda: directly(signed_by_openssl(HOST, PSS_KEY, FOR_HOST), PSS_KEY),
    "an Ed25519 key": lambda: plain(key=ed25519.Ed25519PrivateKey.generate()),
    "an Ed448 key": lambda: plain(key=ed448.Ed448PrivateKey.generate()),
    "a DSA key": lambda: plain(key=dsa.generate_private_key(2048)),
    "an RSA key of 1024 bits": lambda: plain(key=rsa_key(2, 1024)),
    "an RSA key of 2040 bits": lambda: plain(key=rsa_key(2, 2040)),
    "an RSA key of 4096 bits": lambda: plain(key=rsa_key(2, 4096)),
    "an exponent of 3": lambda: plain(key=rsa_key(2, 2048, 3)),
    "a root on P-256": lambda: by_root(curve_key(1, ec.SECP256R1)),
    "a root on secp256k1": lambda: by_root(curve_key(1, ec.SECP256K1)),
    "a root on brainpoolP256r1": lambda: by_root(curve_key(1, ec.BrainpoolP256R1)),
    "a root with Ed25519": lambda: by_root(ed25519.Ed25519PrivateKey.generate()),
    "a root with 1024 bits": lambda: by_root(rsa_key(9, 1024)),
    "signed with SHA-1": lambda: directly(signed_by_openssl(HOST, rsa_key(2), FOR_HOST, "-sha1")),
    "signed with MD5": lambda: directly(signed_by_openssl(HOST, rsa_key(2), FOR_HOST, "-md5")),
    "signed with SHA-384": lambda: plain(digest=hashes.SHA384()),
    "signed with SHA-512": lambda: plain(digest=hashes.SHA512()),
    "signed with SHA-224": lambda: plain(digest=hashes.SHA224()),
    "signed with SHA3-256": lambda: plain(digest=hashes.SHA3_256()),
    "signed with RSA-PSS": lambda: plain(rsa_padding=PSS),
    "a middle signed with SHA-1": lambda: below(signed_by_openssl("Middle", rsa_key(1), AUTHORITY, "-sha1")),
    "a middle signed with MD5": lambda: below(signed_by_openssl("Middle", rsa_key(1), AUTHORITY, "-md5")),
    "a root signed with SHA-1": lambda: below(middle(), roots=[weak_root("-sha1")]),
    "a root signed with MD5": lambda: below(middle(), roots=[weak_root("-md5")]),
    "no usage": lambda: plain(names(HOST)),
    "usage for signatures": lambda: plain(names(HOST), usage("digital_signature")),
    "usage for keys": lambda: plain(names(HOST), usage("key_encipherment")),
    "usage for both": lambda: plain(names(HOST), usage("digital_signature", "key_encipherment")),
    "usage for agreement": lambda: plain(names(HOST), usage("key_agreement")),
    "usage for certificates": lambda: plain(names(HOST), usage("key_cert_sign")),
    "usage for data": lambda: plain(names(HOST), usage("data_encipherment")),
    "usage for signatures, on a curve": lambda: plain(
        names(HOST), usage("digital_signature"), key=curve_key(0, ec.SECP256R1)
    ),
    "usage for agreement, on a curve": lambda: plain(
        names(HOST), usage("key_agreement"), key=curve_key(0, ec.SECP256R1)
    ),
    "for servers": lambda: plain(names(HOST), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])),
    "for clients": lambda: plain(names(HOST), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
    "for anything": lambda: plain(names(HOST), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])),
    "a middle for servers": lambda: below(middle(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))),
    "a middle for clients": lambda: below(middle(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))),
    "no names": lambda: plain(x509.SubjectKeyIdentifier(b"x" * 20)),
    "other names": lambda: plain(names("other.example.com")),
    "a star": lambda: plain(names("*.example.com")),
    "a star for more": lambda: plain(names("*.com")),
    "an empty subject": lambda: plain(names(HOST), subject=x509.Name([]), critical=(x509.SubjectAlternativeName,)),
    "expired": lambda: plain(**PAST),
    "not yet valid": lambda: plain(begin=NOW + DAY, end=NOW + 9 * DAY),
    "an expired middle": lambda: below(middle(**PAST)),
    "an expired root": lambda: below(middle(), roots=[root(**PAST)]),
    "an expired middle and its renewal": lambda: below(middle(**PAST), middle()),
    "an expired root and its renewal": lambda: below(middle(), roots=[root(**PAST), root()]),
    "a renewed root and the expired one": lambda: below(middle(), roots=[root(), root(**PAST)]),
    "an uploaded root, expired, whose renewal is trusted": lambda: below(middle(), root(**PAST)),
    "a crossed root, whose key is trusted": lambda: below(middle(), CROSSED),
    "a crossed root and the old one, of which the new is trusted": lambda: below(middle(), CROSSED, OLD),
    "a crossed root, of which the old is trusted": lambda: below(middle(), CROSSED, roots=[OLD]),
    "an expired crossed root, whose key is trusted": lambda: below(
        middle(), issuer("Root", "Old", rsa_key(5), rsa_key(0), **PAST), OLD
    ),
    "a middle with the same name and another key first": lambda: below(
        issuer("Middle", "Root", rsa_key(0), rsa_key(6)), middle()
    ),
    "a middle without constraints": lambda: below(
        make(name("Middle"), name("Root"), rsa_key(0), rsa_key(1), key_identifier(rsa_key(1)))
    ),
    "a middle that is not an authority": lambda: below(
        make(
            *(name("Middle"), name("Root"), rsa_key(0), rsa_key(1), key_identifier(rsa_key(1))),
            x509.BasicConstraints(ca=False, path_length=None),
        )
    ),
    "a middle without a key identifier": lambda: below(
        make(name("Middle"), name("Root"), rsa_key(0), rsa_key(1), authority())
    ),
    "a root without a key identifier": lambda: below(
        middle(), roots=[make(name("Root"), name("Root"), rsa_key(0), rsa_key(0), authority())]
    ),
    "a middle without the use": lambda: below(middle(usage("digital_signature"))),
    "a middle with the use": lambda: below(middle(usage("key_cert_sign", "crl_sign"))),
    "a root that allows none below": lambda: below(
        middle(),
        roots=[make(name("Root"), name("Root"), rsa_key(0), rsa_key(0), authority(0), key_identifier(rsa_key(0)))],
    ),
    "a root that allows one below": lambda: below(
        middle(),
        roots=[make(name("Root"), name("Root"), rsa_key(0), rsa_key(0), authority(1), key_identifier(rsa_key(0)))],
    ),
    "a domain permitted": lambda: below(middle(permitted(x509.DNSName("example.com")))),
    "a domain permitted, with a dot": lambda: below(middle(permitted(x509.DNSName(".example.com")))),
    "the host permitted": lambda: below(middle(permitted(x509.DNSName(HOST)))),
    "another domain permitted": lambda: below(middle(permitted(x509.DNSName("example.net")))),
    "the domain excluded": lambda: below(middle(excluded(x509.DNSName("example.com")))),
    "another domain excluded": lambda: below(middle(excluded(x509.DNSName("example.net")))),
    "an organization permitted": lambda: below(middle(permitted(directory("Example")))),
    "addresses permitted": lambda: below(middle(permitted(NETWORK))),
    "a root that excludes the domain": lambda: below(middle(), roots=[root(excluded(x509.DNSName("example.com")))]),
    "critical constraints for the domain": lambda: below(
        middle(permitted(x509.DNSName("example.com")), critical=(x509.NameConstraints, x509.BasicConstraints))
    ),
    "an unknown extension": lambda: plain(names(HOST), UNKNOWN),
    "an unknown critical extension": lambda: plain(names(HOST), UNKNOWN, critical=(x509.UnrecognizedExtension,)),
    "a middle with an unknown critical extension": lambda: below(
        middle(UNKNOWN, critical=(x509.UnrecognizedExtension,))
    ),
    "critical policies": lambda: plain(names(HOST), POLICIES, critical=(x509.CertificatePolicies,)),
    "policies": lambda: plain(names(HOST), POLICIES),
    "critical distribution points": lambda: plain(names(HOST), POINTS, critical=(x509.CRLDistributionPoints,)),
    "distribution points": lambda: plain(names(HOST), POINTS),
    "a middle with critical policies": lambda: below(middle(POLICIES, critical=(x509.CertificatePolicies,))),
    "a middle with a critical limit on policies": lambda: below(
        middle(x509.InhibitAnyPolicy(0), critical=(x509.InhibitAnyPolicy,))
    ),
    "a root with critical policies": lambda: below(
        middle(), roots=[root(POLICIES, critical=(x509.CertificatePolicies,))]
    ),
    "critical names and uses": lambda: plain(
        *(names(HOST), usage("digital_signature", "key_encipherment")),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        critical=(x509.SubjectAlternativeName, x509.KeyUsage, x509.ExtendedKeyUsage),
    ),
    "a critical exemption from status checks": lambda: plain(
        names(HOST), x509.OCSPNoCheck(), critical=(x509.OCSPNoCheck,)
    ),
    "a wrong key identifier of the authority": lambda: plain(
        names(HOST), x509.AuthorityKeyIdentifier(b"wrong" * 4, None, None)
    ),
    "a forged middle": lambda: below(issuer("Middle", "Root", rsa_key(7), rsa_key(1))),
}  # fmt: skip

"""Certificates that were uploaded: into the bundle, and from there to the installer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from replicas.clients.certificates import readable
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import UPLOADS, CertificateName, Options, UploadedCertificate

FOLDER = "/run/portal-promote"
"""Where the bundle lies open while the installer reads from it."""
FILES: dict[CertificateName, tuple[str, str, str]] = {
    "dirsrv_certificate": ("dirsrv", "dscert.p12", "dirsrv_pin.txt"),
    "http_certificate": ("http", "httpcert.p12", "http_pin.txt"),
    "pkinit_certificate": ("pkinit", "pkinitcert.p12", "pkinit_pin.txt"),
}
"""The installer's word for the service, and members of the bundle, as FreeIPA 3.x and 4.4 call them."""
NICKNAME = b"Server-Cert"


def chosen(options: Options) -> Iterator[tuple[CertificateName, UploadedCertificate]]:
    for name in UPLOADS:
        if found := getattr(options, name):
            yield name, found


def arguments(options: Options) -> list[str]:
    """Of ipa-replica-install; the pins reach it in another way (hostside/freeipa_promote.py)."""
    services = [FILES[name] for name, _ in chosen(options)]
    found = [f"--{service}-cert-file={FOLDER}/{file}" for service, file, _ in services]
    return found + (["--no-pkinit"] if found and not options.pkinit_certificate else [])


def pins(options: Options) -> dict[str, str]:
    """Files of the opened bundle that hold pins, by the option that they are for."""
    return {f"--{FILES[name][0]}-pin": FILES[name][2] for name, _ in chosen(options)}


def members(ctx: Context) -> dict[str, bytes]:
    """PKCS#12 files and their random pins, which are masked in the log. Raises StepError."""
    found: dict[str, bytes] = {}
    for name, approved in chosen(ctx.job.options):
        _, file, pin_file = FILES[name]
        pin = secrets.token_urlsafe(24)
        ctx.mask(pin)
        found |= {file: _pkcs12(name, ctx.secret(name), approved, pin), pin_file: pin.encode()}
    return found


def _pkcs12(name: str, pem: str, approved: UploadedCertificate, pin: str) -> bytes:
    """Everything in one file (RFC 7292). Raises StepError for another certificate than the approved one."""
    known = {one.fingerprint(hashes.SHA256()).hex(): one for one in readable(pem)}
    # Proving that the factors of a large key are primes would hold everything up; the upload was checked.
    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    certificate, *chain = (known.get(fingerprint) for fingerprint in (approved.sha256, *approved.chain))
    links = [one for one in chain if one]
    if certificate is None or len(links) < len(chain) or key.public_key() != certificate.public_key():
        raise StepError(f"The stored {name.replace('_', ' ')} is not the one that was approved.", "Upload it again.")
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise StepError(f"The key of the {name.replace('_', ' ')} is of a kind that no service uses.", "Use RSA.")
    return pkcs12.serialize_key_and_certificates(
        NICKNAME, key, certificate, links, BestAvailableEncryption(pin.encode())
    )


def require_valid(options: Options) -> list[str]:
    """The names of uploaded certificates, each valid now. Raises StepError."""
    now = datetime.now(UTC)
    for name, one in chosen(options):
        if not datetime.fromisoformat(one.begins) <= now < datetime.fromisoformat(one.ends):
            raise StepError(
                f"The uploaded {name.replace('_', ' ')} is valid from {one.begins} to {one.ends}: not now.",
                "Have it renewed, and make the request again with the new one.",
            )
    return [f"the {name.replace('_', ' ')} {one.subject}" for name, one in chosen(options)]

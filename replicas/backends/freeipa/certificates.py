"""Certificates of another authority, as a realm without one of its own needs them: uploaded, or on the replica."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from replicas.backends.freeipa import uploaded
from replicas.clients import certificate_rules as rules
from replicas.clients.certificates import load_signed_data
from replicas.errors import CommandFailed, StepError
from replicas.hostside import pem
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import CERTIFICATE_FILES, Job, Options
from replicas.together import together

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

CLOSED = ("600 root", "400 root")


def given(options: Options) -> bool:
    """Whether there is one for the Directory Server and one for the web server."""
    named = options.dirsrv_cert_file and options.http_cert_file
    return bool(named or (options.dirsrv_certificate and options.http_certificate))


async def files(ctx: Context) -> str:
    """What was uploaded is valid; each file is root's alone, a certificate for the host with chain and key.

    Raises StepError.
    """
    job = ctx.job
    if valid := uploaded.require_valid(job.options):
        return f"Uploaded: {', '.join(valid)}"
    paths = [path for name in CERTIFICATE_FILES if (path := getattr(job.options, name))]
    if not paths:
        return "The realm's own authority issues the certificates"
    replica = await ctx.host("replica")
    await together(*(_check(replica, job, path, kdc=path == job.options.pkinit_cert_file) for path in paths))
    return f"{' and '.join(paths)} on {replica.name} are certificates for it, with their keys"


async def _check(replica: Host, job: Job, path: str, kdc: bool) -> None:
    """A certificate of the KDC is for a principal, which openssl does not look at. Raises StepError."""
    host = "" if kdc else job.replica.hostname
    shown = await replica.run("stat", "--format=%a %U", "--", path, check=False)
    if shown.status:
        raise StepError(f"{path} is not there on {replica.name}.", "Put it there, or correct the request.")
    if shown.text.strip() not in CLOSED:
        raise StepError(
            f"{path} on {replica.name} holds a key, and others than root may read it ({shown.text.strip()}).",
            f"chown root {path} && chmod 600 {path}",
        )
    try:
        await replica.run(*verification(path, host), input=job.realm.ca_certificate)
        public = await replica.run("openssl", "x509", "-in", path, "-noout", "-pubkey")
        own = await replica.run("openssl", "pkey", "-in", path, "-pubout", "-passin", "pass:")
    except CommandFailed as error:
        why = (error.output.strip().splitlines() or ["openssl said nothing"])[-1]
        raise StepError(
            f"{path} on {replica.name} is not a certificate for {job.replica.hostname}, with a key without a password, "
            f"that leads to the authority of {job.realm.name}: {why}",
            "Have another one issued: PEM, the server's certificate first, then its chain and its key.",
        ) from error
    if public.text != own.text:
        raise StepError(f"The key in {path} on {replica.name} is not that of its certificate.", "Correct the file.")
    (block,) = pem.blocks((await replica.run(*held_certificates(path))).stdout)
    try:
        found = next(unusable(load_signed_data(block.content), public.text, kdc), "")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StepError(
            f"{path} on {replica.name} holds a certificate that cannot be read: {error}.", "Have it issued again."
        ) from error
    if found:
        raise StepError(f"The installer would refuse {path} on {replica.name}: {found}.", "Have it issued again.")


def held_certificates(path: str) -> tuple[str, ...]:
    """The command that shows the certificates in a file, without its key."""
    return ("openssl", "crl2pkcs7", "-nocrl", "-certfile", path)


def unusable(held: Iterable[x509.Certificate], public: str, kdc: bool) -> Iterator[str]:
    """What NSS or the installer has against the certificates in a file, beyond what OpenSSL says of them."""
    for one in held:
        name, is_root = one.subject.rfc4514_string() or "the certificate", one.subject == one.issuer
        own = is_of_key(one, public)
        if bits := rules.few_bits(one):
            yield f"the key of {name} has {bits} bits"
        if kind := rules.foreign_key(one):
            yield f"the key of {name} is of a kind that the servers cannot use ({kind})"
        if not (own and kdc) and (unknown := rules.unknown_to_nss(one)):
            yield f"{name} has the critical extension {unknown}, which the servers do not know"
        if not is_root and (digest := rules.digest_of(one)) not in rules.DIGESTS:
            yield f"{name} is signed with {digest}"
        if not own and not rules.is_identified(one):
            yield f"{name} has no subject or no subject key identifier"
        if own and not kdc and (use := rules.lacking_use(one)):
            yield f"the key usage of {name} lacks {use}"
        if own and not kdc and not rules.has_host_names(one):
            yield f"{name} has no host name as a subject alternative name"


def is_of_key(certificate: x509.Certificate, public: str) -> bool:
    """Whether the certificate is for that public key (PEM)."""
    try:
        own = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return own.decode().split() == public.split()


def verification(path: str, host: str) -> tuple[str, ...]:
    """The command that takes the authority on standard input; what else is in the file are links of the chain."""
    purpose = ("-purpose", "sslserver", "-verify_hostname", host) if host else ()
    return ("openssl", "verify", "-auth_level", "2", "-CAfile", "/dev/stdin", *purpose, "-untrusted", path, path)

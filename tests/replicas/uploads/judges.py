"""Who has the last word on a certificate: OpenSSL's own program, and the steps of FreeIPA's installers with NSS."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509

from tests.replicas.uploads.issuing import HOST, pem

PIN = "nss database pin"


def need_nss() -> None:
    for program in ("certutil", "pk12util"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program} (libnss3-tools) on this machine")


def openssl(
    folder: Path,
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    *options: str,
) -> str:
    """The complaint of `openssl verify`; empty when it is content."""
    for name, certificates in (("leaf", [leaf]), ("others", others), ("roots", roots)):
        (folder / name).write_bytes(pem(*certificates))
    argv = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", "roots", "-auth_level", "2", *options]
    if others:
        argv += ["-untrusted", "others"]
    done = subprocess.run([*argv, "leaf"], cwd=folder, check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stderr or done.stdout)


SERVER = ("-purpose", "sslserver", "-verify_hostname", HOST)


class Database:
    """An NSS database as an installer makes it: every authority is trusted to issue for servers."""

    def __init__(
        self, folder: Path, key: bytes, leaf: x509.Certificate, authorities: Sequence[x509.Certificate]
    ) -> None:
        self.folder = folder / "nss"
        self.folder.mkdir()
        (folder / "pin").write_text(PIN)
        self.run("certutil", "-N", "-f", "../pin", "-d", ".")
        (folder / "key").write_bytes(key)
        (folder / "leaf").write_bytes(pem(leaf))
        export = ["openssl", "pkcs12", "-export", "-inkey", "key", "-in", "leaf", "-name", "Server-Cert"]
        ciphers = ["-certpbe", "aes-128-cbc", "-keypbe", "aes-128-cbc"]
        made = [*export, *ciphers, "-passout", f"pass:{PIN}", "-out", "p12"]
        self.problem = self._said(subprocess.run(made, cwd=folder, check=False, capture_output=True, text=True))
        if not self.problem:
            self.problem = self.said("pk12util", "-i", "../p12", "-d", ".", "-k", "../pin", "-w", "../pin")
        for number, one in enumerate(authorities):
            (folder / "authority").write_bytes(pem(one))
            self.problem = self.problem or self.said(
                "certutil",
                "-A",
                "-d",
                ".",
                "-n",
                f"authority {number}",
                "-t",
                "C,,",
                "-f",
                "../pin",
                "-a",
                "-i",
                "../authority",
            )

    @staticmethod
    def _said(done: subprocess.CompletedProcess[str]) -> str:
        return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or "failed"

    def said(self, *argv: str) -> str:
        """What the program complains of."""
        return self._said(subprocess.run(argv, cwd=self.folder, check=False, capture_output=True, text=True))

    def run(self, *argv: str) -> None:
        assert not self.said(*argv)

    def verify(self, nickname: str, usage: str) -> str:
        return self.said("certutil", "-V", "-d", ".", "-f", "../pin", "-n", nickname, "-u", usage, "-e")


def installer(
    folder: Path, key: bytes, leaf: x509.Certificate, chain: Sequence[x509.Certificate], host: str = HOST
) -> str:
    """The complaint of FreeIPA's installer about a server's certificate whose chain ends in a root; "" if content."""
    if not chain or chain[-1].subject != chain[-1].issuer:
        return "the full certificate chain is not present"
    database = Database(folder, key, leaf, chain)
    if database.problem:
        return database.problem
    for depth, one in enumerate(chain):
        if problem := _authority(one, depth) or database.verify(f"authority {depth}", "L"):
            return f"{one.subject.rfc4514_string()}: {problem}"
    if problem := database.verify("Server-Cert", "V"):
        return problem
    return "" if matches(leaf, host) else f"invalid for server {host}"


def _authority(one: x509.Certificate, depth: int) -> str:
    if not one.subject:
        return "has empty subject"
    try:
        basic = one.extensions.get_extension_for_class(x509.BasicConstraints).value
        identifier = one.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound as error:
        return f"missing {error.oid}"
    if not basic.ca:
        return "not a CA certificate"
    if basic.path_length is not None and basic.path_length < depth:
        return "path length"
    return "" if identifier.digest else "subject key identifier must not be empty"


def matches(leaf: x509.Certificate, host: str) -> bool:
    """As Python matched names of certificates (RFC 6125), a star for the whole first label."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        written = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        written = []
    return any(re.fullmatch(re.escape(one).replace(r"\*", "[^.]+", 1), host, re.IGNORECASE) for one in written)

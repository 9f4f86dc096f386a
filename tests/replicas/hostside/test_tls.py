"""What the portal, each Python of a host and OpenSSL's own program say of the same certificates."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Thread

import pytest

from replicas.clients import certificates
from replicas.clients.ldap import Directory
from replicas.errors import DirectoryError
from replicas.hostside import tls
from tests import pythons
from tests.replicas.clients.tls import serve
from tests.replicas.hostside.test_pythons import probed
from tests.replicas.uploads.issuing import DAY, HOST, NOW, authority, issue, key, names, pem, pkcs8

ROOTS = {
    "as usual": ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"],
    "constraints that are not critical": ["-addext", "basicConstraints=CA:TRUE"],
    "no use": ["-addext", "basicConstraints=critical,CA:TRUE"],
    "no key identifiers": [
        *["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectKeyIdentifier=none"],
        *["-addext", "authorityKeyIdentifier=none"],
    ],
    "the serial number 0": ["-set_serial", "0", "-addext", "basicConstraints=CA:TRUE"],
    "a negative serial number": ["-set_serial", "-77", "-addext", "basicConstraints=CA:TRUE"],
    "a long serial number": ["-set_serial", f"0x01{'ab' * 30}", "-addext", "basicConstraints=CA:TRUE"],
    "signed with SHA-1": ["-sha1", "-addext", "basicConstraints=CA:TRUE"],
    "no issuer by its use": ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=digitalSignature"],
    "no issuer": ["-addext", "basicConstraints=critical,CA:FALSE"],
    "another path length": ["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"],
    "other names permitted": [
        *["-addext", "basicConstraints=critical,CA:TRUE"],
        *["-addext", "nameConstraints=critical,permitted;DNS:example.net"],
    ],
}
LEAF = issue(HOST, "Root", key(0), key(2), names(HOST))


def root(folder: Path, *options: str) -> str:
    (folder / "root.key").write_bytes(pkcs8(key(0)))
    made = ["openssl", "req", "-x509", "-key", "root.key", "-subj", "/CN=Root", "-days", "30", "-config", "/dev/null"]
    return subprocess.run([*made, *options], cwd=folder, check=True, capture_output=True, text=True).stdout


def version_1(folder: Path) -> str:
    (folder / "root.key").write_bytes(pkcs8(key(0)))
    asked = ["openssl", "req", "-new", "-key", "root.key", "-subj", "/CN=Root", "-out", "csr", "-config", "/dev/null"]
    subprocess.run(asked, cwd=folder, check=True, capture_output=True)
    made = ["openssl", "x509", "-req", "-in", "csr", "-signkey", "root.key", "-days", "30"]
    return subprocess.run(made, cwd=folder, check=True, capture_output=True, text=True).stdout


def dated(subject: str, begin: datetime, end: datetime, number: int = 0) -> str:
    return pem(issue(subject, subject, key(number), key(number), authority(), begin=begin, end=end)).decode()


def known(name: str, folder: Path) -> str:
    """The authorities that a realm knows, by the name of the case."""
    valid, expired = dated("Root", NOW - DAY, NOW + DAY), dated("Root", NOW - 9 * DAY, NOW - DAY)
    upper = dated("Upper", NOW - 9 * DAY, NOW - DAY, 7)
    between = issue("Root", "Upper", key(7), key(0), authority())
    if name in ROOTS:
        return root(folder, *ROOTS[name])
    return {
        "version 1": lambda: version_1(folder),
        "an expired one and its renewal": lambda: expired + valid,
        "a renewal and the expired one": lambda: valid + expired,
        "an expired one": lambda: expired,
        "a stranger": lambda: dated("Stranger", NOW - DAY, NOW + DAY, 9),
        "the same name with another key": lambda: dated("Root", NOW - DAY, NOW + DAY, 9),
        "the same name with another key, and itself": lambda: dated("Root", NOW - DAY, NOW + DAY, 9) + valid,
        "an intermediate authority alone": lambda: pem(between).decode(),
        "an intermediate authority below an expired root": lambda: pem(between).decode() + upper,
        "text around": lambda: f"# Autorität für den Verbund\n{valid.replace('E-----', 'E----- ')}\nEnde\n",
        "a damaged one beside it": lambda: valid.replace("MI", "XX", 1) + valid,
    }[name]()


CASES = (
    *ROOTS,
    "version 1",
    "an expired one and its renewal",
    "a renewal and the expired one",
    "an expired one",
    "a stranger",
    "the same name with another key",
    "the same name with another key, and itself",
    "an intermediate authority alone",
    "an intermediate authority below an expired root",
)


def accepted_by_openssl(folder: Path, authorities: str) -> bool:
    (folder / "authorities").write_text(authorities)
    (folder / "leaf").write_bytes(pem(LEAF))
    trust = ["-no-CApath", "-no-CAstore", "-CAfile", "authorities", "-partial_chain"]
    asked = ["openssl", "verify", *trust, "-purpose", "sslserver", "-verify_hostname", HOST, "leaf"]
    return subprocess.run(asked, cwd=folder, check=False, capture_output=True).returncode == 0


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The port of a server that presents LEAF."""
    (folder / "server").write_bytes(pkcs8(key(2)) + pem(LEAF))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=serve, args=(listening, context))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def accepted_by_portal(port: int, authorities: str) -> bool:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        try:
            with tls.trusting(authorities).wrap_socket(connection, server_hostname=HOST):
                return True
        except ssl.SSLCertVerificationError:
            return False


@pytest.mark.parametrize("name", CASES)
def test_every_python_says_what_openssl_says(name: str, tmp_path: Path) -> None:
    authorities = known(name, tmp_path)
    wanted = accepted_by_openssl(tmp_path, authorities)
    with serving(tmp_path) as port:
        verdicts = {"portal": accepted_by_portal(port, authorities)}
        for python in filter(None, map(pythons.find, pythons.VERSIONS)):
            (result,) = probed(python, port, ("https", "tcp"), ca=authorities, host=HOST)
            verdicts[python] = "certificate" not in result["detail"]
    assert verdicts == dict.fromkeys(verdicts, wanted)


@pytest.mark.parametrize("name", ["text around", "a damaged one beside it"])
def test_what_is_around_a_certificate_does_not_matter(name: str, tmp_path: Path) -> None:
    authorities = known(name, tmp_path)
    with serving(tmp_path) as port:
        assert accepted_by_portal(port, authorities)
        for python in filter(None, map(pythons.find, pythons.VERSIONS)):
            (result,) = probed(python, port, ("https", "tcp"), ca=authorities, host=HOST)
            assert "certificate" not in result["detail"], python


def test_no_public_authority_is_trusted_where_none_is_named(tmp_path: Path) -> None:
    for text in ("", "nothing", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"):
        assert tls.trusting(text).get_ca_certs() == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a stranger", "its certificate is not from the realm's authority"),
        ("no issuer", "its certificate is refused: invalid CA certificate"),
        ("other names permitted", "its certificate is refused: permitted subtree violation"),
        ("an expired one", "its certificate, or that of its authority, has expired"),
    ],
)
async def test_a_directory_is_refused_with_the_reason(name: str, words: str, tmp_path: Path) -> None:
    authorities = known(name, tmp_path)
    with serving(tmp_path) as port, pytest.raises(DirectoryError, match=words):
        async with Directory.bind(HOST, "127.0.0.1", authorities, "cn=x", "x", port=port):
            pass


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("an expired one and its renewal", 0),
        ("a renewal and the expired one", 0),
        ("an expired one", -1),
        ("the serial number 0", 29),
        ("a negative serial number", 29),
        ("version 1", 29),
        ("an intermediate authority below an expired root", -1),
        ("a damaged one beside it", 0),
    ],
)
def test_the_days_of_an_authority_are_those_of_what_counts(name: str, days: int, tmp_path: Path) -> None:
    left = certificates.days_left(known(name, tmp_path))
    assert days - 1 <= left <= days, left


def test_an_expired_stranger_beside_a_valid_authority_does_not_count(tmp_path: Path) -> None:
    left = certificates.days_left(dated("Old", NOW - 9 * DAY, NOW - DAY, 9) + dated("Root", NOW - DAY, NOW + 9 * DAY))
    assert left == 8


def test_what_is_stored_of_an_authority_is_its_certificates(tmp_path: Path) -> None:
    plain = known("as usual", tmp_path)
    untidy = f"\ufeffÄltere Notiz\r\n{plain.replace(chr(10), '  ' + chr(13) + chr(10))}{plain}"
    assert certificates.canonical(untidy.encode()) == plain
    assert certificates.canonical(untidy.encode("utf-16")) == plain
    assert certificates.canonical(b"nothing") == ""
    assert json.dumps(certificates.canonical(untidy.encode())).isascii()

"""Certificates and keys whose parts cannot be read are refused by name, wherever in an upload they are."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

from replicas.actions.authorities import same_authority
from replicas.clients import certificates
from replicas.uploads import encrypted, verdict
from replicas.uploads.checking import check_server, check_trust
from replicas.uploads.errors import CertificateError
from tests.replicas.uploads.issuing import (
    HOST,
    MIDDLE,
    NOW,
    PASSPHRASE,
    ROOT,
    SERVER,
    authority,
    issue,
    key,
    names,
    pem,
    pkcs8,
    sealed,
    traditional,
)  # fmt: skip
from tests.replicas.uploads.table import rsa_key
from tests.replicas.uploads.test_formats import wrapped
from tests.replicas.uploads.test_reading import upload

ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
STAND_IN = ObjectIdentifier("2.5.29.99")


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = bytes([size]) if size < 0x80 else bytes([0x80 + len(octets)]) + octets
    return bytes([tag]) + length + content


def altered(certificate: x509.Certificate, by: ec.EllipticCurvePrivateKey, old: bytes, new: bytes) -> bytes:
    """The certificate (DER) with other bytes, of the same number, signed again."""
    body = certificate.tbs_certificate_bytes
    assert old in body
    assert len(old) == len(new)
    body = body.replace(old, new)
    return element(0x30, body + ECDSA_SHA256 + element(3, b"\0" + by.sign(body, ec.ECDSA(hashes.SHA256()))))


def text(der: bytes) -> bytes:
    return wrapped("CERTIFICATE", der, 64).encode()


def repeated(extension: x509.ExtensionType, subject: str, issuer: str, by: int, of: int) -> bytes:
    """A certificate that has an extension twice."""
    twin = x509.UnrecognizedExtension(STAND_IN, extension.public_bytes())
    certificate = issue(subject, issuer, key(by), key(of), extension, twin)
    last = bytes([int(extension.oid.dotted_string.rpartition(".")[2])])
    return altered(certificate, key(by), b"\x55\x1d\x63", b"\x55\x1d" + last)


def dates(certificate: x509.Certificate) -> bytes:
    body = certificate.tbs_certificate_bytes
    at = body.index(b"\x17\x0d")
    return body[at : at + 15]


X400 = x509.UnrecognizedExtension(ExtensionOID.ISSUER_ALTERNATIVE_NAME, b"\x30\x04\xa3\x02\x05\x00")
UNREADABLE: dict[str, Callable[[], bytes]] = {
    "a name that is not UTF-8": lambda: altered(MIDDLE, key(0), b"Middle", b"M\xfcdle\xff"),
    "a name in Latin-1": lambda: altered(MIDDLE, key(0), b"\x0c\x06Middle", b"\x14\x06Mitt\xe4l"),
    "a surrogate alone": lambda: altered(MIDDLE, key(0), b"\x0c\x06Middle", b"\x1e\x06\x00M\x00i\xd8\x00"),
    "an unknown version": lambda: altered(MIDDLE, key(0), b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"),
    "a thirteenth month": lambda: altered(MIDDLE, key(0), dates(MIDDLE), b"\x17\x0d301301000000Z"),
    "the year 0": lambda: altered(MIDDLE, key(0), dates(MIDDLE), b"\x18\x0d000001010000Z"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_certificate_is_refused_by_file(case: str) -> None:
    der = UNREADABLE[case]()
    for upload_of in ((text(der),), (der,)):
        with pytest.raises(CertificateError, match="cannot be read|neither a certificate") as refused:
            upload(pkcs8() + pem(SERVER, MIDDLE, ROOT), *upload_of)
        assert "file2" in str(refused.value)


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_authority_of_a_realm_is_passed_over(case: str) -> None:
    known = text(UNREADABLE[case]()).decode() + pem(ROOT).decode()
    assert certificates.readable(known) == [ROOT]
    assert certificates.days_left(known) > 90
    assert same_authority(known, pem(ROOT).decode())


EXTENSIONS: dict[str, Callable[[], bytes]] = {
    "names twice": lambda: pkcs8() + text(repeated(names(HOST), HOST, "Middle", 1, 2)) + pem(MIDDLE, ROOT),
    "constraints twice": lambda: pkcs8() + pem(SERVER, ROOT) + text(repeated(authority(), "Middle", "Root", 0, 1)),
    "an X.400 name": lambda: pkcs8() + pem(issue(HOST, "Middle", key(1), key(2), names(HOST), X400), MIDDLE, ROOT),
}


@pytest.mark.parametrize("case", EXTENSIONS)
def test_unreadable_extensions_are_named(case: str) -> None:
    with pytest.raises(CertificateError, match="has extensions that cannot be read"):
        check_server(upload(EXTENSIONS[case]()), HOST, NOW)


def test_an_rsa_key_with_a_factor_of_one_is_damaged() -> None:
    own = rsa_key(2).private_numbers()
    modulus = own.public_numbers.n
    numbers = (0, modulus, 65537, own.d, 1, modulus, 0, own.dmq1, 0)
    der = element(
        0x30, b"".join(element(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in numbers)
    )
    with pytest.raises(CertificateError, match="its numbers do not belong together"):
        upload(der, pem(SERVER))


@pytest.mark.parametrize(
    ("before", "after"),
    [("PRIVATE KEY", "RSA PRIVATE KEY"), ("PRIVATE KEY", "ANY PRIVATE KEY"), ("EC PRIVATE KEY", "PRIVATE KEY")],
)
def test_the_label_of_a_key_does_not_matter(before: str, after: str) -> None:
    written = traditional() if before.startswith("EC") else pkcs8()
    found = upload(written.replace(before.encode(), after.encode()), pem(SERVER, MIDDLE, ROOT), passphrase=PASSPHRASE)
    assert found.certificate == SERVER


def test_an_encrypted_key_is_opened_beside_the_server_whatever_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    unlock = encrypted.unlock

    def noted(name: str, kind: Literal["pkcs8", "pkcs12"], content: bytes, passphrase: bytes) -> encrypted.Opened:
        opened.append(name)
        return unlock(name, kind, content, passphrase)

    monkeypatch.setattr("replicas.uploads.formats.unlock", noted)
    written = pkcs8(passphrase=PASSPHRASE).replace(b"ENCRYPTED ", b"")
    assert upload(written, pem(SERVER, MIDDLE, ROOT), passphrase=PASSPHRASE).certificate == SERVER
    assert opened == ["file1"]


def test_other_blocks_are_named() -> None:
    key_of_ssh = wrapped("OPENSSH PRIVATE KEY", b"openssh-key-v1", 70).encode()
    with pytest.raises(CertificateError, match="but: OPENSSH PRIVATE KEY"):
        upload(key_of_ssh, pem(SERVER, MIDDLE, ROOT))


def test_a_kind_of_key_that_the_library_warns_of_is_refused() -> None:
    made = ["openssl", "genpkey", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CertificateError, match="that the servers cannot use: DH"):
            upload(subprocess.run(made, check=True, capture_output=True).stdout, pem(SERVER))


def test_a_package_without_a_password_is_opened_beside_one_with(tmp_path: Path) -> None:
    (tmp_path / "all").write_bytes(pkcs8() + pem(SERVER, MIDDLE, ROOT))
    made = ["openssl", "pkcs12", "-export", "-in", "all", "-passout", "pass:"]
    package = subprocess.run(made, cwd=tmp_path, check=True, capture_output=True).stdout
    assert upload(package, sealed(), passphrase=PASSPHRASE).certificate == SERVER
    with pytest.raises(CertificateError, match="file1 cannot be opened with this password"):
        upload(sealed(), package, passphrase="wrong")


def test_a_package_with_an_unreadable_certificate_is_named(tmp_path: Path) -> None:
    damaged = text(UNREADABLE["a name in Latin-1"]())
    (tmp_path / "all").write_bytes(pkcs8() + pem(SERVER, MIDDLE, ROOT) + damaged)
    made = ["openssl", "pkcs12", "-export", "-in", "all", "-passout", f"pass:{PASSPHRASE}"]
    package = subprocess.run(made, cwd=tmp_path, check=True, capture_output=True).stdout
    with pytest.raises(CertificateError, match="file1 (holds a certificate that )?cannot be read"):
        upload(package, passphrase=PASSPHRASE)


def test_another_cipher_may_be_why_a_password_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(pkcs8())
    for argv in (["pkcs8", "-topk8", "-v2", "camellia256"], ["ec", "-aria256"]):
        made = ["openssl", *argv, "-in", "key", "-passout", f"pass:{PASSPHRASE}"]
        locked = subprocess.run(made, cwd=tmp_path, check=True, capture_output=True).stdout
        with pytest.raises(CertificateError, match="If it is right, encrypt the file again with AES-256"):
            upload(locked, pem(SERVER), passphrase=PASSPHRASE)


def test_messages_repeat_few_names_of_a_certificate() -> None:
    many = issue("x" * 60, "Middle", key(1), key(2), names(*(f"h{n}.example.com" for n in range(3000))))
    given = upload(pkcs8() + pem(many, MIDDLE, ROOT))
    with pytest.raises(CertificateError, match="h4.example.com, …, not for") as refused:
        check_server(given, HOST, NOW)
    assert len(str(refused.value)) < 400
    check_trust(given, [ROOT])


def test_openssl_that_takes_too_long_refuses_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "SECONDS", 0.0001)
    with pytest.raises(CertificateError, match=f"It takes too long to verify CN={HOST}"):
        verdict.require((SERVER, MIDDLE, ROOT), NOW)

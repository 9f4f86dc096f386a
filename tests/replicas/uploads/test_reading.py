"""Uploaded certificates: every format gives the same, and what no service could use is refused by name."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.exceptions import ValidationError

from replicas.models import Realm
from replicas.uploads import checking, together
from replicas.uploads.checking import KDC_USE, check_kdc, check_server, check_trust
from replicas.uploads.errors import CertificateError
from replicas.uploads.reading import ServiceCertificate, read
from tests.replicas.uploads.issuing import (
    DAY,
    HOST,
    MIDDLE,
    NOW,
    PASSPHRASE,
    REALM,
    ROOT,
    SERVER,
    WHOLE,
    WHOLE_KDC,
    authority,
    in_pkcs7,
    issue,
    kdc_names,
    key,
    name,
    names,
    pem,
    pkcs8,
    sealed,
    traditional,
    use,
)  # fmt: skip

FORMATS: dict[str, tuple[list[bytes], str]] = {
    "PEM in one file": ([pkcs8() + pem(SERVER, MIDDLE, ROOT)], ""),
    "PEM in any order, with text around": (
        [b"Bag Attributes\n" + pem(ROOT, SERVER), b"x\n" + pem(MIDDLE) + pkcs8()],
        "",
    ),
    "PEM with the lines of Windows": ([(pkcs8() + pem(SERVER, MIDDLE, ROOT)).replace(b"\n", b"\r\n")], ""),
    "an older label": ([pem(SERVER, MIDDLE, ROOT).replace(b" CERT", b" X509 CERT"), traditional()], ""),
    "DER": ([one.public_bytes(Encoding.DER) for one in (ROOT, MIDDLE, SERVER)] + [pkcs8(encoding=Encoding.DER)], ""),
    "an encrypted key": ([pem(SERVER, MIDDLE, ROOT), pkcs8(passphrase=PASSPHRASE)], PASSPHRASE),
    "an encrypted key in DER": ([pem(SERVER, MIDDLE, ROOT), pkcs8(key(2), Encoding.DER, PASSPHRASE)], PASSPHRASE),
    "a passphrase that is not needed": ([pem(SERVER, MIDDLE, ROOT), pkcs8()], PASSPHRASE),
    "PKCS#7 in PEM": ([in_pkcs7(Encoding.PEM), pkcs8()], ""),
    "PKCS#7 in DER": ([in_pkcs7(Encoding.DER), pkcs8()], ""),
    "PKCS#12": ([sealed()], PASSPHRASE),
    "PKCS#12 and the same once more": ([sealed(), pem(SERVER, ROOT), pkcs8()], PASSPHRASE),
}


def upload(*contents: bytes, passphrase: str = "", trusted: tuple[x509.Certificate, ...] = ()) -> ServiceCertificate:
    return read([(f"file{number}", content) for number, content in enumerate(contents, 1)], passphrase, trusted)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_key_certificate_and_chain(form: str) -> None:
    contents, passphrase = FORMATS[form]
    found = upload(*contents, passphrase=passphrase)
    check_server(found, HOST, NOW)
    assert found.key.private_numbers() == key(2).private_numbers()
    assert (found.certificate, found.chain) == (SERVER, (MIDDLE, ROOT))
    assert "key" not in repr(found).split("certificate=")[0]


def test_the_one_form_in_which_it_is_kept_is_read_again() -> None:
    kept = upload(sealed(), passphrase=PASSPHRASE).pem()
    again = upload(kept.encode())
    assert (again.pem(), again.certificate, again.chain) == (kept, SERVER, (MIDDLE, ROOT))
    assert "ENCRYPTED" not in kept


def test_what_everybody_may_know_has_no_key_and_every_fingerprint() -> None:
    told = upload(WHOLE).described()
    assert (told.subject, told.issuer, told.names) == (f"CN={HOST}", "CN=Middle", (HOST,))
    assert (told.begins, told.ends) == (SERVER.not_valid_before_utc.isoformat(), SERVER.not_valid_after_utc.isoformat())
    assert [told.sha256, *told.chain] == [fingerprint(one) for one in (SERVER, MIDDLE, ROOT)]


def fingerprint(one: x509.Certificate) -> str:
    return hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest()


def test_a_trusted_root_need_not_be_uploaded() -> None:
    assert upload(pkcs8(), pem(SERVER, MIDDLE), trusted=(ROOT,)).chain == (MIDDLE, ROOT)


FORGED = issue("Middle", "Root", key(5), key(1), authority())
REQUEST = x509.CertificateSigningRequestBuilder().subject_name(name(HOST)).sign(key(2), hashes.SHA256())
REFUSED_TO_READ: dict[str, tuple[list[bytes], str, str]] = {
    "nothing": ([], "", "There is no private key"),
    "no key": ([pem(SERVER, MIDDLE, ROOT)], "", "There is no private key"),
    "two keys": ([pem(SERVER, MIDDLE, ROOT), pkcs8(), pkcs8(key(1))], "", "There are 2 private keys"),
    "another key": ([pem(SERVER, MIDDLE, ROOT), pkcs8(key(7))], "", "belongs to none"),
    "two certificates of the key": (
        [pem(SERVER, MIDDLE, ROOT, issue("b", "Middle", key(1), key(2))), pkcs8()], "", "2 certificates belong",
    ),
    "a hole in the chain": ([pem(SERVER, ROOT), pkcs8()], "", "CN=Middle, which issued CN=ipareplica"),
    "no root": ([pem(SERVER, MIDDLE), pkcs8()], "", "CN=Root, which issued CN=Middle, is missing"),
    "a forged authority": ([pem(SERVER, FORGED, ROOT), pkcs8()], "", "CN=Root, which issued CN=Middle"),
    "a request": ([REQUEST.public_bytes(Encoding.PEM), pkcs8()], "", "file1 is a certificate request"),
    "noise": ([b"\x00\x01noise", pkcs8()], "", "file1 is neither"),
    "an empty file": ([b"", pkcs8()], "", "file1 is neither"),
    "a cut block": ([pem(SERVER)[:200], pkcs8()], "", "file1 holds neither"),
    "a damaged block": ([pem(SERVER).replace(b"MI", b"XX", 1), pkcs8()], "", "file1 holds a certificate that cannot"),
    "a large file": ([b"-----BEGIN " + bytes(1 << 20)], "", "larger than 1 MiB"),
    "no passphrase": ([pem(SERVER), pkcs8(passphrase=PASSPHRASE)], "", "file2 is encrypted"),
    "a wrong passphrase": ([pem(SERVER), pkcs8(passphrase=PASSPHRASE)], "wrong", "file2 cannot be opened"),
    "no passphrase for PKCS#12": ([sealed()], "", "file1 is encrypted"),
    "a wrong one for PKCS#12": ([sealed()], "wrong", "file1 cannot be opened"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_TO_READ)
def test_what_cannot_be_read_is_named(case: str) -> None:
    contents, passphrase, words = REFUSED_TO_READ[case]
    with pytest.raises(CertificateError) as refused:
        upload(*contents, passphrase=passphrase)
    assert words in refused.value.message
    assert refused.value.remedy
    assert PASSPHRASE not in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_a_key_that_servers_cannot_use() -> None:
    other = ed25519.Ed25519PrivateKey.generate()
    content = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(CertificateError, match="Ed25519"):
        upload(content, pem(SERVER))


def served(*extensions: x509.ExtensionType, end: datetime = NOW + DAY, begin: datetime = NOW - DAY) -> list[bytes]:
    return [pkcs8(), pem(issue(HOST, "Middle", key(1), key(2), *extensions, begin=begin, end=end), MIDDLE, ROOT)]


def below(authority: x509.Certificate, *more: x509.Certificate) -> list[bytes]:
    """A server's certificate by that authority, whose key is number 1."""
    return [pkcs8(), pem(issue(HOST, "Middle", key(1), key(2), names(HOST)), authority, *more)]


LOWER = issue("Middle", "Upper", key(3), key(1), authority())
REFUSED_TO_SERVE = {
    "another name": (served(names("other.example.com")), "is for other.example.com, not for"),
    "no name": (served(), "is for no host at all"),
    "a wildcard too high": (served(names("*.com")), "not for ipareplica"),
    "expired": (served(names(HOST), end=NOW), "expired on"),
    "not yet": (served(names(HOST), begin=NOW + timedelta(hours=1)), "is not valid before"),
    "for clients": (served(names(HOST), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])), "by a TLS server"),
    "an authority": (served(names(HOST), authority()), "is an authority's certificate"),
    "an expired authority": (
        below(issue("Middle", "Root", key(0), key(1), authority(), end=NOW - timedelta(hours=1)), ROOT),
        "CN=Middle expired",
    ),
    "no authority": (below(issue("Middle", "Root", key(0), key(1)), ROOT), "CN=Middle is no authority"),
    "too many below": (
        below(LOWER, issue("Upper", "Root", key(0), key(3), authority(0)), ROOT),
        "CN=Upper allows no more than 0 authorities",
    ),
}


@pytest.mark.parametrize("case", REFUSED_TO_SERVE)
def test_what_no_server_could_use_is_refused(case: str) -> None:
    contents, words = REFUSED_TO_SERVE[case]
    found = upload(*contents)
    with pytest.raises(CertificateError) as refused:
        check_server(found, HOST, NOW)
    assert words in refused.value.message
    assert refused.value.remedy


@pytest.mark.parametrize("written", [HOST, "IPAreplica.Example.COM", "*.example.com"])
def test_names_are_those_of_tls(written: str) -> None:
    check_server(upload(*served(names("a.example.com", written))), HOST, NOW)


def test_a_weak_key() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is to be refused
    certificate = issue(HOST, "Root", key(0), weak, names(HOST))
    with pytest.raises(CertificateError, match="1024 bits"):
        check_server(upload(pkcs8(weak), pem(certificate, ROOT)), HOST, NOW)


def test_a_certificate_of_the_kdc_is_for_its_principal() -> None:
    check_kdc(upload(WHOLE_KDC), REALM, NOW)


def kdc(*extensions: x509.ExtensionType) -> list[bytes]:
    return [pkcs8(key(3)), pem(issue("KDC", "Middle", key(1), key(3), *extensions), MIDDLE, ROOT)]


REFUSED_TO_A_KDC = {
    "another realm": (kdc(kdc_names("OTHER.COM"), use(KDC_USE)), "is not for the principal krbtgt/EXAMPLE.COM@EXAMPLE"),
    "a server's": ([WHOLE], "is not for the principal"),
    "no use": (kdc(kdc_names()), "may not be used by a KDC"),
    "another use": (kdc(kdc_names(), use(ExtendedKeyUsageOID.SERVER_AUTH)), "may not be used by a KDC"),
}


@pytest.mark.parametrize("case", REFUSED_TO_A_KDC)
def test_what_no_kdc_could_use_is_refused(case: str) -> None:
    contents, words = REFUSED_TO_A_KDC[case]
    with pytest.raises(CertificateError) as refused:
        check_kdc(upload(*contents), REALM, NOW)
    assert words in refused.value.message


def test_the_principal_is_written_as_openssl_writes_it(tmp_path: Path) -> None:
    """By the recipe for KDC certificates of MIT Kerberos' manual."""
    (tmp_path / "names").write_text(
        "subjectAltName=otherName:1.3.6.1.5.2.2;SEQUENCE:kdc\n"
        "[kdc]\nrealm=EXP:0,GeneralString:EXAMPLE.COM\nname=EXP:1,SEQUENCE:principal\n"
        "[principal]\ntype=EXP:0,INTEGER:1\nparts=EXP:1,SEQUENCE:parts\n"
        "[parts]\n1=GeneralString:krbtgt\n2=GeneralString:EXAMPLE.COM\n"
    )
    (tmp_path / "key").write_bytes(pkcs8(key(3)))
    csr = ["openssl", "req", "-new", "-key", "key", "-subj", "/CN=KDC", "-out", "csr"]
    subprocess.run(csr, cwd=tmp_path, check=True)
    sign = ["openssl", "x509", "-req", "-in", "csr", "-signkey", "key", "-extfile", "names", "-out", "crt"]
    subprocess.run(sign, cwd=tmp_path, check=True, capture_output=True)
    written = x509.load_pem_x509_certificate((tmp_path / "crt").read_bytes())
    assert checking._kdc_names(written) <= {checking._principal_name(REALM, kind) for kind in checking.NAME_TYPES}


def test_an_authority_that_the_realm_does_not_know() -> None:
    check_trust(upload(WHOLE), [ROOT])
    with pytest.raises(CertificateError, match="CN=Root, which CN=ipareplica.example.com leads to, is no authority"):
        check_trust(upload(WHOLE), [issue("Root", "Root", key(8), key(8), authority())])


def test_a_certificate_that_issued_itself_leads_nowhere() -> None:
    own = issue(HOST, HOST, key(2), key(2), names(HOST))
    with pytest.raises(CertificateError, match="is no authority of the realm"):
        check_trust(upload(pkcs8(), pem(own)), [ROOT])


def test_all_are_of_one_authority() -> None:
    second = issue("Second", "Second", key(8), key(8), authority())
    other = pkcs8() + pem(issue(HOST, "Second", key(8), key(2), names(HOST)), second)
    realm = Realm(name=REALM, ca_certificate=pem(ROOT, second).decode())
    given = {"dirsrv_certificate": WHOLE.decode(), "http_certificate": other.decode()}
    with pytest.raises(ValidationError) as refused:
        together.check(given, HOST, realm)
    assert "another authority than the other one" in " ".join(refused.value.message_dict["http_certificate"])
    kept = together.check({"dirsrv_certificate": WHOLE.decode()}, HOST, realm)
    assert kept == {"dirsrv_certificate": upload(WHOLE).described().to_json()}

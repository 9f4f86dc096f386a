"""What PEM looks like in the field, and what must not stop the portal."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from replicas.uploads import derivation
from replicas.uploads.errors import CertificateError
from replicas.uploads.formats import LARGEST, contents
from tests.replicas.uploads.issuing import (
    MIDDLE,
    PASSPHRASE,
    ROOT,
    SERVER,
    in_pkcs7,
    key,
    pem,
    pkcs8,
    traditional,
)
from tests.replicas.uploads.test_reading import upload

WHOLE = (pkcs8() + pem(SERVER, MIDDLE, ROOT)).decode()


def wrapped(label: str, content: bytes, width: int) -> str:
    text = base64.b64encode(content).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def relabelled(label: str) -> str:
    return WHOLE.replace(" CERTIFICATE-----", f" {label}-----")


def trusted(folder: Path) -> str:
    """With OpenSSL's own addition, which says for what a certificate is trusted."""
    (folder / "root").write_bytes(pem(ROOT))
    argv = ["openssl", "x509", "-in", "root", "-trustout", "-addtrust", "serverAuth", "-setalias", "Root"]
    made = subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout
    assert "BEGIN TRUSTED CERTIFICATE" in made
    return (pkcs8() + pem(SERVER, MIDDLE)).decode() + made


FORMS = {
    "a space after the boundary": WHOLE.replace("-----\n", "----- \n"),
    "tabs after everything": WHOLE.replace("\n", "\t\n"),
    "blanks before everything": "\n".join(f"    {line}" for line in WHOLE.splitlines()),
    "lines of Windows": WHOLE.replace("\n", "\r\n"),
    "lines of the first Macintosh": WHOLE.replace("\n", "\r"),
    "blank lines everywhere": WHOLE.replace("\n", "\n\n"),
    "no line end at the end": WHOLE.rstrip(),
    "text around": WHOLE.replace("-----BEGIN", "issuer=Prüfstelle\nBag Attributes\n-----BEGIN") + "fin",
    "a mark at the beginning": f"\ufeff{WHOLE}",
    "one line": wrapped("CERTIFICATE", SERVER.public_bytes(Encoding.DER), 9999) + WHOLE,
    "long lines": wrapped("CERTIFICATE", SERVER.public_bytes(Encoding.DER), 76) + WHOLE,
    "quoted in a mail": "\n".join(f"> {line}" for line in WHOLE.splitlines()),
    "an older label": relabelled("X509 CERTIFICATE"),
    "a label with a dot": relabelled("X.509 CERTIFICATE"),
    "an unfinished block before it": f"-----BEGIN CERTIFICATE-----\nMIIB\n{WHOLE}",
    "an unfinished block after it": f"{WHOLE}-----BEGIN CERTIFICATE-----\nMIIB\n",
    "an end alone": f"-----END CERTIFICATE-----\n{WHOLE}",
    "parameters of a curve": f"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{WHOLE}",
    "signed data": in_pkcs7(Encoding.PEM).decode() + pkcs8().decode(),
    "signed data by another label": in_pkcs7(Encoding.PEM).decode().replace("PKCS7", "CMS") + pkcs8().decode(),
    "an older key": traditional().decode() + pem(SERVER, MIDDLE, ROOT).decode(),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
def test_pem_is_read_laxly(form: str, code: str) -> None:
    found = upload(FORMS[form].encode(code))
    assert (found.certificate, found.chain) == (SERVER, (MIDDLE, ROOT))


def test_a_certificate_with_its_trust_is_read(tmp_path: Path) -> None:
    assert upload(trusted(tmp_path).encode()).chain == (MIDDLE, ROOT)


def test_an_encrypted_key_of_old_openssl_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(pkcs8())
    argv = ["openssl", "ec", "-in", "key", "-aes128", "-passout", "stdin"]
    sealed = subprocess.run(argv, cwd=tmp_path, input=PASSPHRASE.encode(), check=True, capture_output=True).stdout
    assert b"DEK-Info" in sealed
    for text in (sealed, sealed.replace(b"\n", b" \r\n")):
        assert upload(text, pem(SERVER, MIDDLE, ROOT), passphrase=PASSPHRASE).certificate == SERVER
    with pytest.raises(CertificateError, match="file1 is encrypted"):
        upload(sealed, pem(SERVER))
    with pytest.raises(CertificateError, match="file1 cannot be opened"):
        upload(sealed, pem(SERVER), passphrase="wrong")


HOSTILE = {
    "64 KiB of beginnings": b"-----BEGIN A-----" * 3855,
    "1 MiB of beginnings": b"-----BEGIN A-----\n" * (LARGEST // 18),
    "1 MiB of beginnings of another kind": b"".join(b"-----BEGIN A%d-----\n" % n for n in range(45000))[:LARGEST],
    "beginnings, then ends": b"-----BEGIN A-----\n" * 20000 + b"-----END A-----\n" * 20000,
    "1 MiB of dashes": b"-----BEGIN " + b"-" * (LARGEST - 20),
    "a label without an end": b"-----BEGIN " + b"A" * (LARGEST - 20),
    "1 MiB in a block": b"-----BEGIN CERTIFICATE-----\n" + b"A" * (LARGEST - 80) + b"\n-----END CERTIFICATE-----\n",
    "1 MiB of blanks in a block": b"-----BEGIN A-----\n" + b" " * (LARGEST - 80) + b"\n-----END A-----\n",
    "1 MiB of headers": b"-----BEGIN A-----\n" + b"a:\n" * (LARGEST // 3 - 40) + b"\n-----END A-----\n",
    "nested lengths": b"\x30\x80" * (LARGEST // 2 - 8),
    "a PFX of nested lengths": b"\x30\x80\x02\x01\x03" + b"\x30\x80" * (LARGEST // 2 - 8),
    "algorithms without parameters": b"\x30\x83\x0f\xff\xf0" + b"\x06\x09" + derivation.PKCS5 + b"\x0c" * 90000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_at_once(case: str) -> None:
    begin = time.process_time()
    with pytest.raises(CertificateError):
        contents("file", HOSTILE[case][:LARGEST], b"x")
    assert time.process_time() - begin < 0.5


def test_a_megabyte_of_certificates_is_read_at_once() -> None:
    many = pem(SERVER, MIDDLE) * (LARGEST // len(pem(SERVER, MIDDLE)))
    begin = time.process_time()
    assert len(contents("file", many, b"").certificates) > 1000
    assert time.process_time() - begin < 1


def sealed(folder: Path, *options: str) -> bytes:
    """A key in PKCS#8 (DER) whose numbers are to be changed."""
    (folder / "key").write_bytes(pkcs8())
    argv = ["openssl", "pkcs8", "-topk8", "-in", "key", "-outform", "DER", "-passout", f"pass:{PASSPHRASE}"]
    return subprocess.run([*argv, *options], cwd=folder, check=True, capture_output=True).stdout


def packed(folder: Path, *options: str) -> bytes:
    (folder / "all").write_bytes(WHOLE.encode())
    argv = ["openssl", "pkcs12", "-export", "-in", "all", "-passout", f"pass:{PASSPHRASE}"]
    return subprocess.run([*argv, *options], cwd=folder, check=True, capture_output=True).stdout


def asking(content: bytes, before: int, after: int, count: int = 0) -> bytes:
    """With the number of rounds changed, in as many bytes."""
    old, new = (b"\x02\x03" + number.to_bytes(3, "big") for number in (before, after))
    assert content.count(old) >= max(count, 1)
    return content.replace(old, new) if not count else new.join(content.rsplit(old, count))


LEGACY = ("-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES")


@pytest.mark.parametrize("rounds", [1_000_001, 8_000_000])
def test_more_rounds_than_a_million_are_refused(tmp_path: Path, rounds: int) -> None:
    files = {
        "PBKDF2": asking(sealed(tmp_path, "-v2", "aes256", "-iter", "100000"), 100000, rounds),
        "PBES1": asking(sealed(tmp_path, "-v1", "PBE-SHA1-3DES", "-iter", "100000"), 100000, rounds),
        "PKCS#12": asking(packed(tmp_path, "-iter", "100000"), 100000, rounds),
        "PKCS#12 of old": asking(packed(tmp_path, "-iter", "100000", *LEGACY), 100000, rounds),
        "the MAC of PKCS#12": asking(packed(tmp_path, "-iter", "100000"), 100000, rounds, 1),
    }
    for name, content in files.items():
        begin = time.monotonic()
        with pytest.raises(
            CertificateError, match=f"file1 wants its password hashed {rounds} times.*1000000"
        ) as refused:
            upload(content, passphrase=PASSPHRASE)
        assert time.monotonic() - begin < 0.5, name
        assert "fewer iterations" in refused.value.remedy


def test_many_encrypted_keys_are_refused_before_one_is_opened(tmp_path: Path) -> None:
    key = sealed(tmp_path, "-v2", "aes256", "-iter", "1000000", "-outform", "PEM")
    begin = time.monotonic()
    with pytest.raises(CertificateError, match="There are 500 private keys"):
        upload(key * 500, passphrase=PASSPHRASE)
    assert time.monotonic() - begin < 0.5


def test_many_derivations_together_are_refused(tmp_path: Path) -> None:
    once = asking(packed(tmp_path, "-iter", "100000"), 100000, 1_000_000)
    assert derivation.too_much(once) == 0
    assert derivation.too_much(once * 3) > derivation.MOST_ROUNDS_TOGETHER


def test_scrypt_with_much_memory_is_refused(tmp_path: Path) -> None:
    modest = sealed(tmp_path, "-scrypt", "-scrypt_N", "16384", "-scrypt_r", "8", "-scrypt_p", "1")
    assert upload(modest, pem(SERVER, MIDDLE, ROOT), passphrase=PASSPHRASE).certificate == SERVER
    costly = modest.replace(b"\x02\x02\x40\x00", b"\x02\x02\x7f\xff").replace(b"\x02\x01\x08", b"\x02\x01\x7f")
    with pytest.raises(CertificateError, match="wants its password hashed"):
        upload(costly, pem(SERVER), passphrase=PASSPHRASE)


@pytest.mark.parametrize(
    "options", [("-iter", "600000"), ("-iter", "10000", *LEGACY), ("-nomac",), ("-noiter", "-nomaciter")]
)
def test_usual_packages_are_opened(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert upload(packed(tmp_path, *options), passphrase=PASSPHRASE).chain == (MIDDLE, ROOT)


def test_a_large_key_is_read_at_once_and_a_larger_one_refused(tmp_path: Path) -> None:
    """OpenSSL proves that the factors are primes, which takes six seconds for this one."""
    large = rsa.generate_private_key(65537, 2048)
    whole = pkcs8(large)
    numbers = large.private_numbers()
    begin = time.process_time()
    assert contents("file", whole, b"").keys[0].private_numbers() == numbers
    assert time.process_time() - begin < 0.1
    other = rsa.generate_private_key(65537, 2048).private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, other.iqmp, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    with pytest.raises(CertificateError, match="is damaged"):
        contents("file", pkcs8(wrong), b"")


def test_signed_data_of_openssl_is_read(tmp_path: Path) -> None:
    """It is in the order in which OpenSSL read it, which is not the order of DER."""
    (tmp_path / "all").write_bytes(pem(SERVER, MIDDLE, ROOT))
    argv = ["openssl", "crl2pkcs7", "-nocrl", "-certfile", "all"]
    for options in ([], ["-outform", "DER"]):
        made = subprocess.run([*argv, *options], cwd=tmp_path, check=True, capture_output=True).stdout
        assert upload(made, pkcs8()).chain == (MIDDLE, ROOT)


def test_the_same_certificate_in_every_format_is_one(tmp_path: Path) -> None:
    assert isinstance(SERVER, x509.Certificate)
    der = [one.public_bytes(Encoding.DER) for one in (SERVER, MIDDLE, ROOT)]
    assert upload(*der, packed(tmp_path), in_pkcs7(Encoding.DER), passphrase=PASSPHRASE).chain == (MIDDLE, ROOT)
    assert key(2) is key(2)

"""The portal says what OpenSSL's own program and the steps of FreeIPA's installers say of the same files."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from replicas.uploads import verdict
from replicas.uploads.checking import check_server, check_trust
from replicas.uploads.errors import CertificateError
from replicas.uploads.reading import ServiceCertificate, read
from tests.replicas.uploads import judges
from tests.replicas.uploads.issuing import DAY, HOST, NOW, issue, key, names, pem, pkcs8
from tests.replicas.uploads.issuing import authority as constraints
from tests.replicas.uploads.table import CASES, Case, below, issuer, middle, root, rsa_key

STRICTER = {
    "a key on secp256k1": "the servers cannot use: secp256k1",
    "a key on brainpoolP256r1": "the servers cannot use: brainpoolP256r1",
    "a key on brainpoolP384r1": "the servers cannot use: brainpoolP384r1",
    "a key on P-224": "the servers cannot use: secp224r1",
    "an RSA-PSS key": "the servers cannot use: RSA-PSS",
    "a DSA key": "the servers cannot use: DSA",
    "an RSA key of 2040 bits": "has 2040 bits",
}
"""NSS imports these keys, but no server of the realm can use them, or a policy of RHEL refuses them."""
LAXER = ("a root signed with MD5",)
"""No client verifies a root's signature by itself, but NSS 3.87 refuses its algorithm."""
REASONS = {
    "signed with SHA-1": f"CN={HOST} is signed with SHA1, which is too weak",
    "signed with MD5": f"CN={HOST} is signed with MD5, which is too weak",
    "a middle signed with SHA-1": "CN=Middle is signed with SHA1, which is too weak",
    "a middle signed with MD5": "CN=Middle is signed with MD5, which is too weak",
    "signed with SHA3-256": "cannot verify: sha3-256",
    "another domain permitted": "may not issue for its names: permitted subtree violation",
    "the domain excluded": "may not issue for its names: excluded subtree violation",
    "an organization permitted": "may not issue for its names: permitted subtree violation",
    "a root that excludes the domain": "may not issue for its names: excluded subtree violation",
    "an unknown critical extension": f"CN={HOST} has a critical extension that the servers do not know",
    "a middle with an unknown critical extension": "CN=Middle has a critical extension that the servers do not know",
    "critical policies": "do not know: certificatePolicies (2.5.29.32)",
    "a middle with a critical limit on policies": "do not know: inhibitAnyPolicy (2.5.29.54)",
    "a middle for clients": "OpenSSL refuses CN=Middle: unsuitable certificate purpose",
    "a middle without a key identifier": "CN=Middle has no subject or no subject key identifier",
    "a root on brainpoolP256r1": "The key of CN=Root is of a kind that the servers cannot use: brainpoolP256r1",
    "a root with Ed25519": "The key of CN=Root is of a kind that the servers cannot use: Ed25519",
    "a root with 1024 bits": "The key of CN=Root has 1024 bits",
    "usage for signatures": "lacks keyEncipherment",
    "a wrong key identifier of the authority": "OpenSSL refuses",
    "an expired middle": "CN=Middle expired",
    "an expired root": "CN=Root expired",
    "a forged middle": "CN=Root, which issued CN=Middle, is missing",
    "for anything": "may not be used by a TLS server",
    **STRICTER,
}


def uploaded(case: Case) -> ServiceCertificate:
    return read([("upload", case.key_pem() + pem(*case.certificates))], trusted=case.roots)


def refused(case: Case) -> str:
    """What the portal says against it."""
    try:
        found = uploaded(case)
        check_server(found, HOST, datetime.now(UTC))
        check_trust(found, case.roots)
    except CertificateError as error:
        return error.message if error.remedy else "there is no remedy"
    return ""


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_judged_alike(name: str, tmp_path: Path) -> None:
    judges.need_nss()
    case = CASES[name]()
    try:
        chain = list(uploaded(case).chain)
    except CertificateError:
        chain = [*case.certificates[1:], *case.roots]
    complaint = judges.openssl(tmp_path, case.leaf, chain[:-1], chain[-1:], *judges.SERVER)
    complaint = complaint or judges.installer(tmp_path, case.key_pem(), case.leaf, chain)
    wanted = name not in STRICTER and (name in LAXER or not complaint)
    said = refused(case)
    assert (not said) == wanted, (said, complaint)
    assert REASONS.get(name, "") in said


def test_the_path_that_the_realm_knows_is_taken() -> None:
    case = CASES["a crossed root and the old one, of which the new is trusted"]()
    assert uploaded(case).chain == (case.certificates[1], *case.roots)
    case = CASES["an expired root and its renewal"]()
    assert uploaded(case).chain == (case.certificates[1], case.roots[1])
    case = CASES["an expired middle and its renewal"]()
    assert uploaded(case).chain == (case.certificates[2], *case.roots)
    case = CASES["a crossed root, of which the old is trusted"]()
    assert uploaded(case).chain == (*case.certificates[1:], *case.roots)


def test_another_realm_may_know_another_path() -> None:
    """What is kept of an upload has the other path, too, which the check for the chosen realm takes."""
    case = CASES["a crossed root and the old one, of which the new is trusted"]()
    old = case.certificates[-1]
    kept = read([("upload", case.key_pem() + pem(*case.certificates))], trusted=[*case.roots, old])
    for roots in ([old], case.roots):
        again = read([("kept", kept.pem().encode())], trusted=roots)
        check_trust(again, roots)
        assert again.chain[-1] == roots[0]


def test_a_renewed_certificate_with_the_same_key_counts() -> None:
    case = CASES["as usual"]()
    before = CASES["expired"]().leaf
    found = read([("upload", case.key_pem() + pem(before, *case.certificates))], trusted=case.roots)
    assert found.certificate == case.leaf


def test_an_expired_certificate_alone_is_called_expired() -> None:
    assert "expired on" in refused(CASES["expired"]())


def test_many_certificates_of_one_name_take_bounded_time() -> None:
    crowd = [issue("Middle", "Middle", key(n % 7 + 10), key(n % 7 + 10), constraints()) for n in range(200)]
    ring = [issue(f"A{n}", f"A{m}", key(0), key(0), constraints()) for n in range(12) for m in range(12) if n != m]
    leaf = issue(HOST, "A0", key(0), key(2), names(HOST))
    begin = time.process_time()
    with pytest.raises(CertificateError, match="is missing|more than 10 certificates"):
        read([("upload", pkcs8() + pem(leaf, *ring, *crowd))])
    usual = below(middle(), *(issuer("Middle", "Root", rsa_key(0), rsa_key(n % 3 + 20)) for n in range(100)))
    assert uploaded(usual).chain == (usual.certificates[1], *usual.roots)
    assert time.process_time() - begin < 5


def test_layers_of_renewed_authorities_take_bounded_time() -> None:
    """Each of the four certificates of a layer may be above each one of the layer below: 4**9 paths, and no root."""
    layers = [issue(f"L{n}", f"L{n + 1}", key(0), key(0), constraints()) for n in range(9) for _renewal in range(4)]
    leaf = issue(HOST, "L0", key(0), key(2), names(HOST))
    begin = time.process_time()
    with pytest.raises(CertificateError, match="L9, which issued CN=L8, is missing"):
        read([("upload", pkcs8() + pem(leaf, *layers))])
    assert time.process_time() - begin < 2


def test_too_many_certificates_are_refused() -> None:
    many: list[x509.Certificate] = [issue(f"N{n}", "Root", key(0), key(1)) for n in range(1001)]
    with pytest.raises(CertificateError, match="more than 1000 certificates"):
        read([("upload", pkcs8() + pem(*many))])


def test_a_machine_without_openssl_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateError, match="has no openssl program"):
        verdict.require((CASES["as usual"]().leaf, middle(), root()), NOW + DAY)

"""Opening bundles on a real host."""

from __future__ import annotations

import tarfile
from collections.abc import AsyncIterator

import pytest

from replicas.clients import ssh
from replicas.clients.gpg import seal
from replicas.errors import BundleError, PortalError, StepError, WrongPassword
from tests.replicas.hostside.test_archive import tar

pytestmark = pytest.mark.hosts

PATH, TARGET, HOST = "/var/lib/ipa/replica-info-test.gpg", "/run/portal-unpack-test", "ipareplica.example.com"
INFO = b"[realm]\nrealm_name = EXAMPLE.COM\ndestination_host = ipareplica.example.com\n"
PASSWORD = "Sesam öffne dich"
FILE = tarfile.REGTYPE


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return seal(tar(("realm_info/realm_info", INFO, FILE), ("realm_info/ca.crt", b"pem", FILE)), PASSWORD)


@pytest.fixture
async def clean(replica: ssh.Host) -> AsyncIterator[ssh.Host]:
    await replica.run("mkdir", "-p", "/var/lib/ipa")
    before = (await replica.run("ls", "-A", "/run")).text
    yield replica
    await replica.run("rm", "-rf", TARGET)
    await replica.remove(PATH)
    assert (await replica.run("ls", "-A", "/run")).text == before
    assert (await replica.run("pgrep", "gpg-agent", check=False)).status == 1


def payload(**changes: object) -> dict[str, object]:
    return {"path": PATH, "passphrase": PASSWORD, "target": TARGET, "host": HOST, **changes}


async def test_good(clean: ssh.Host, sealed: bytes) -> None:
    await clean.write(PATH, sealed)
    answer = await clean.python("unpack", payload())
    assert answer["members"] == ["realm_info", "ca.crt"]
    assert answer["realm"]["realm_name"] == "EXAMPLE.COM"
    assert await clean.read(f"{TARGET}/ca.crt") == b"pem"
    assert (await clean.run("stat", "--format=%a", TARGET, f"{TARGET}/ca.crt")).text == "700\n600\n"
    with pytest.raises(StepError, match="is there already"):
        await clean.python("unpack", payload())


@pytest.mark.parametrize(
    ("cut", "changes", "error", "words"),
    [
        (None, {"passphrase": "no"}, WrongPassword, "password does not open"),
        (-20, {}, BundleError, "truncated or damaged"),
        (9, {}, BundleError, "truncated or damaged"),
        (0, {}, BundleError, "not an OpenPGP file"),
        (None, {"host": "other.example.com"}, BundleError, r"made for ipareplica\.example\.com, not for other"),
        (None, {"target": "/root/x"}, StepError, "not in memory"),
        (None, {"path": "/nonexistent"}, BundleError, "There is no bundle"),
        (None, {"limits": {"member": 10, "total": 100, "members": 2}}, BundleError, "larger than 10 bytes"),
    ],
)
async def test_refusals(
    clean: ssh.Host, sealed: bytes, cut: int | None, changes: dict[str, object], error: type[PortalError], words: str
) -> None:
    await clean.write(PATH, sealed[:cut] if cut is not None else sealed)
    with pytest.raises(error, match=words):
        await clean.python("unpack", payload(**changes))
    assert not await clean.exists(TARGET)


async def test_allowed_other_host(clean: ssh.Host, sealed: bytes) -> None:
    await clean.write(PATH, sealed)
    assert (await clean.python("unpack", payload(host="")))["realm"]["destination_host"] == HOST


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (b"hello", "ends in the middle"),
        (b"x" * 1024, "not a tar archive"),
        (tar(("realm_info/x", b"", tarfile.SYMTYPE)), "not a regular file"),
        (tar(("realm_info/ca.crt", b"", FILE)), "not an INI file"),
        (bytes(50_000_000), "unpacks to more than"),
    ],
)
async def test_foreign_content(clean: ssh.Host, plain: bytes, words: str) -> None:
    await clean.write(PATH, seal(plain, PASSWORD))
    with pytest.raises(BundleError, match=words):
        await clean.python("unpack", payload())
    assert not await clean.exists(TARGET)

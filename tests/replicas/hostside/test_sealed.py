"""What is opened is the bundle that was sealed, whoever changes its file meanwhile; gpg is this machine's."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from replicas.clients.gpg import seal
from replicas.hostside import freeipa_open, unpack
from tests.replicas.hostside.test_archive import tar
from tests.replicas.typed import TYPED

HOST, PASSWORD, FILE = "ipareplica.example.com", "Sesam, open", tarfile.REGTYPE
INFO = f"[realm]\ndestination_host = {HOST}\n".encode()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with TemporaryDirectory(dir="/dev/shm") as name:  # noqa: S108 - in memory, as /run is on a host
        monkeypatch.setattr(unpack, "MEMORY", name)
        yield Path(name)


def bundle(authority: bytes, password: str = PASSWORD) -> bytes:
    return seal(tar(("realm_info/realm_info", INFO, FILE), ("realm_info/ca.crt", authority, FILE)), password)


def open_bundle(path: Path, sealed: bytes, password: str = PASSWORD) -> dict[str, object]:
    digest = hashlib.sha256(sealed).hexdigest()
    target = str(path.with_name("opened"))
    payload = {"path": str(path), "sha256": digest, "passphrase": password, "host": HOST, "target": target}
    return freeipa_open.main(payload)


@pytest.mark.parametrize("password", TYPED)
def test_the_password_is_the_one_that_was_typed(folder: Path, password: str) -> None:
    path, sealed = folder / "bundle.gpg", bundle(b"ours", password)
    path.write_bytes(sealed)
    assert open_bundle(path, sealed, password)["members"] == ["realm_info", "ca.crt"]


def test_a_bundle_in_the_place_of_the_sealed_one(folder: Path) -> None:
    path, sealed = folder / "bundle.gpg", bundle(b"ours")
    path.write_bytes(sealed)
    assert open_bundle(path, sealed)["members"] == ["realm_info", "ca.crt"]
    path.write_bytes(bundle(b"theirs"))
    assert "is not the bundle that was sealed" in str(open_bundle(path, sealed)["error"])
    assert not (folder / "opened").exists()


def test_a_run_that_sealed_none_opens_none(folder: Path) -> None:
    path = folder / "bundle.gpg"
    path.write_bytes(bundle(b"ours"))
    payload = {"path": str(path), "sha256": "", "passphrase": PASSWORD, "host": HOST, "target": str(folder / "opened")}
    assert "is not the bundle that was sealed" in str(freeipa_open.main(payload)["error"])
    assert not (folder / "opened").exists()


def test_one_that_is_put_back_while_it_is_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one under the same password, until gpg has read it."""
    path, sealed, judge = folder / "bundle.gpg", bundle(b"ours"), unpack.judge
    path.write_bytes(bundle(b"theirs"))

    def put_back(*found: object) -> None:
        path.write_bytes(sealed)
        judge(*found)  # type: ignore[arg-type]

    monkeypatch.setattr(unpack, "judge", put_back)
    assert "is not the bundle that was sealed" in str(open_bundle(path, sealed)["error"])
    assert not (folder / "opened").exists()


def test_a_file_that_is_larger_than_any_bundle(folder: Path) -> None:
    path = folder / "bundle.gpg"
    with path.open("wb") as stream:
        stream.truncate(100 << 20)
    assert "has more than" in str(open_bundle(path, b"")["error"])

"""Sealing and opening, and telling apart what can be wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from replicas.clients.gpg import seal, unseal
from replicas.errors import BundleError, WrongPassword
from tests.replicas.typed import TYPED

PASSWORD = "Sesam öffne dich"


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return seal(b"content" * 1000, PASSWORD)


def test_standard_tools_open_it(sealed: bytes, tmp_path: Path) -> None:
    path, home = tmp_path / "x.gpg", tmp_path / "home"
    path.write_bytes(sealed)
    home.mkdir(mode=0o700)
    argv = ["gpg", "--homedir", str(home), "--batch", "--no-autostart", "--pinentry-mode", "loopback"]
    found = subprocess.run(
        [*argv, "--passphrase-fd", "0", "-d", str(path)], input=PASSWORD.encode(), check=True, capture_output=True
    )
    assert found.stdout == b"content" * 1000
    assert b"AES256" in found.stderr


@pytest.mark.parametrize("password", TYPED)
def test_the_password_is_the_one_that_was_typed(password: str, tmp_path: Path) -> None:
    """A person opens the bundle with the bytes that a terminal sends."""
    path = tmp_path / "bundle.gpg"
    path.write_bytes(seal(b"content", password))
    argv = ["gpg", "--homedir", str(tmp_path), "--batch", "--no-autostart", "--pinentry-mode", "loopback"]
    opened = subprocess.run(
        [*argv, "--passphrase-fd", "0", "-d", str(path)], input=password.encode(), check=True, capture_output=True
    )
    assert opened.stdout == b"content"
    assert unseal(path.read_bytes(), password) == b"content"
    with pytest.raises(WrongPassword):
        unseal(path.read_bytes(), f"{password}x")


def test_round_trip_and_wrong_password(sealed: bytes) -> None:
    assert unseal(sealed, PASSWORD) == b"content" * 1000
    with pytest.raises(WrongPassword):
        unseal(sealed, "other")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-20], "truncated or damaged"),
        (lambda data: data[:9], "truncated or damaged"),
        (lambda data: data[:-8] + b"x" + data[-7:], "truncated or damaged"),
        (lambda _: b"", "not an OpenPGP file"),
        (lambda _: b"hello", "not an OpenPGP file"),
    ],
)
def test_damaged(sealed: bytes, change: object, words: str) -> None:
    assert callable(change)
    with pytest.raises(BundleError, match=words):
        unseal(change(sealed), PASSWORD)


def test_password_with_a_line_end_is_refused() -> None:
    with pytest.raises(BundleError, match="line end"):
        seal(b"", "a\nb")

"""The key ring and the portal's own SSH key: made once, private, and clear about what is wrong."""

from __future__ import annotations

import base64
from pathlib import Path

import asyncssh
import pytest
from pytest_django import Settings

from replicas import keyring, sshkey
from replicas.errors import PortalError

SECRET = "correct-horse-battery"
OWNER = "EXAMPLE.COM/admin"


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> Path:
    settings.SSH_KEY_FILE = tmp_path / "ssh" / "id_ed25519"
    settings.SECRET_KEYS_FILE = path = tmp_path / "deep" / "keys"
    return path


def line(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(key_id.encode() * 32).decode()[:43]}=\n"


def test_a_ring_is_made_at_first_use(ring: Path) -> None:
    key_id, sealed = keyring.encrypt(SECRET, OWNER)
    assert ring.stat().st_mode & 0o777 == 0o600
    assert SECRET.encode() not in sealed
    assert keyring.decrypt(key_id, sealed, OWNER) == SECRET
    assert keyring.encrypt(SECRET, OWNER)[1] != sealed


def test_a_new_first_key_encrypts_and_the_old_one_still_opens(ring: Path) -> None:
    old, sealed = keyring.encrypt(SECRET, OWNER)
    ring.write_text(line("b") + ring.read_text())
    assert keyring.encrypt(SECRET, OWNER)[0] == "b"
    assert keyring.decrypt(old, sealed, OWNER) == SECRET


def test_a_missing_key_is_named(ring: Path) -> None:
    old, sealed = keyring.encrypt(SECRET, OWNER)
    ring.write_text(line("b"))
    with pytest.raises(PortalError, match=f"«{old}».*Put that key back"):
        keyring.decrypt(old, sealed, OWNER)


def test_a_changed_ciphertext_does_not_open() -> None:
    key_id, sealed = keyring.encrypt(SECRET, OWNER)
    for changed in (bytes([sealed[0] ^ 1]) + sealed[1:], sealed[:-1], sealed[:5], b""):
        with pytest.raises(PortalError, match="does not open") as caught:
            keyring.decrypt(key_id, changed, OWNER)
        assert SECRET not in str(caught.value)


def test_it_opens_for_its_owner_only() -> None:
    key_id, sealed = keyring.encrypt(SECRET, OWNER)
    with pytest.raises(PortalError, match="does not open"):
        keyring.decrypt(key_id, sealed, "OTHER.COM/admin")


@pytest.mark.parametrize("content", ["", "nonsense", "a:not base64!", "a:c2hvcnQ=", "a:é"])
def test_a_file_that_is_no_ring_is_said_to_be_none(ring: Path, content: str) -> None:
    ring.parent.mkdir()
    ring.write_text(content)
    with pytest.raises(PortalError, match="is not a key ring"):
        keyring.encrypt(SECRET, OWNER)


def test_a_private_file_is_never_replaced(tmp_path: Path) -> None:
    keyring.create_private(tmp_path / "key", b"first")
    keyring.create_private(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_the_ssh_key_is_made_once() -> None:
    path = sshkey.private_key_path()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert sshkey.public_key() == sshkey.public_key()
    assert asyncssh.import_public_key(sshkey.public_key()).get_algorithm() == "ssh-ed25519"

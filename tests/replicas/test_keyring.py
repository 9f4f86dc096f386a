"""The key ring and the portal's own SSH key: made once, private, and clear about what is wrong."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pytest_django import Settings

from replicas import keyring, privatefile, sshkey
from replicas.errors import PortalError

SECRET = "correct-horse-battery"
OWNER = "EXAMPLE.COM/admin"


@dataclass
class Row:
    """What a table holds."""

    key_id: str
    data_key: bytes
    ciphertext: bytes
    owner: str = OWNER


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> Path:
    settings.SSH_KEY_FILE = tmp_path / "ssh" / "id_ed25519"
    settings.SECRET_KEYS = ""
    settings.SECRET_KEYS_FILE = path = tmp_path / "deep" / "keys"
    return path


def key(key_id: str) -> bytes:
    return key_id.encode().ljust(32, b"k")


def line(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(key(key_id)).decode()}\n"


def sealed() -> Row:
    return Row(*keyring.seal(SECRET, OWNER))


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def test_a_ring_is_made_at_first_use(ring: Path) -> None:
    row = sealed()
    assert ring.stat().st_mode & 0o777 == 0o600
    assert SECRET.encode() not in row.ciphertext
    assert keyring.unseal(row) == SECRET


def test_each_credential_has_a_data_key_of_its_own() -> None:
    one, other = sealed(), sealed()
    assert one.key_id == other.key_id
    assert one.data_key != other.data_key
    assert one.ciphertext != other.ciphertext
    for mixed in (replace(one, data_key=other.data_key), replace(one, ciphertext=other.ciphertext)):
        with pytest.raises(PortalError, match="does not open"):
            keyring.unseal(mixed)


def test_a_new_first_key_encrypts_and_the_old_one_still_opens(ring: Path) -> None:
    old = sealed()
    ring.write_text(line("b") + ring.read_text())
    assert sealed().key_id == "b"
    assert keyring.unseal(old) == SECRET


def test_rows_from_before_there_were_data_keys_open(ring: Path) -> None:
    ring.parent.mkdir()
    ring.write_text(line("a"))
    nonce = bytes(12)
    ciphertext = nonce + AESGCM(key("a")).encrypt(nonce, SECRET.encode(), f"a\0{OWNER}".encode())
    assert keyring.unseal(Row("a", b"", ciphertext)) == SECRET
    with pytest.raises(PortalError, match="does not open"):
        keyring.unseal(Row("a", b"", ciphertext, "OTHER.COM/admin"))


def test_a_missing_key_is_named_with_what_needs_it(ring: Path) -> None:
    row = sealed()
    ring.write_text(line("b"))
    with pytest.raises(PortalError, match=f"«{row.key_id}».*{OWNER}.*Put that key back"):
        keyring.unseal(row)


@pytest.mark.parametrize("damage", [flipped, lambda good: good[:-1], lambda good: good[:5]])
def test_a_changed_row_does_not_open(damage: Callable[[bytes], bytes]) -> None:
    row = sealed()
    for changed in (replace(row, data_key=damage(row.data_key)), replace(row, ciphertext=damage(row.ciphertext))):
        with pytest.raises(PortalError, match="does not open") as caught:
            keyring.unseal(changed)
        assert SECRET not in str(caught.value)


def test_it_opens_for_its_owner_only() -> None:
    with pytest.raises(PortalError, match="does not open"):
        keyring.unseal(replace(sealed(), owner="OTHER.COM/admin"))


def test_a_data_key_is_bound_to_the_key_that_wraps_it(ring: Path) -> None:
    """Two ids with one key: the row still says which of them it was."""
    row = sealed()
    ring.write_text(ring.read_text() + f"twin:{ring.read_text().partition(':')[2]}")
    with pytest.raises(PortalError, match="does not open"):
        keyring.unseal(replace(row, key_id="twin"))


@pytest.mark.parametrize("content", ["", "nonsense", "a:not base64!", "a:c2hvcnQ=", "a:é", line("a") * 2, line("")])
def test_a_file_that_is_no_ring_is_said_to_be_none(ring: Path, content: str) -> None:
    ring.parent.mkdir()
    ring.write_text(content)
    with pytest.raises(PortalError, match="is not a key ring"):
        keyring.seal(SECRET, OWNER)


@pytest.mark.parametrize("between", [",", "\n", ",\n "])
def test_the_environment_can_hold_the_ring(settings: Settings, ring: Path, between: str) -> None:
    settings.SECRET_KEYS = between.join(line(name).strip() for name in "ab")
    row = sealed()
    assert (row.key_id, keyring.ids(), keyring.unseal(row)) == ("a", ["a", "b"], SECRET)
    assert not ring.exists()
    with pytest.raises(PortalError, match="PORTAL_KEYS, which this command cannot change"):
        keyring.add()
    settings.SECRET_KEYS = "nonsense"
    with pytest.raises(PortalError, match="PORTAL_KEYS is not a key ring"):
        keyring.ids()


def test_secrets_leave_the_environment(tmp_path: Path) -> None:
    """Of this process as the kernel shows it, and of its children."""
    canaries = {"PORTAL_KEYS": line("canary-ring").strip(), "PORTAL_SECRET_KEY": "canary-secret-key"}
    program = (
        "import os, subprocess, django; django.setup(); from django.conf import settings\n"
        "print(settings.SECRET_KEYS, settings.SECRET_KEY)\n"
        "print(open('/proc/self/environ').read(), os.environ, subprocess.check_output(['env']))"
    )
    environment = (
        os.environ | canaries | {"DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_DATA_DIR": str(tmp_path)}
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    first, _newline, rest = done.stdout.partition("\n")
    assert first == " ".join(canaries.values())
    assert "PORTAL_DATA_DIR" in rest
    assert not any(canary in rest for canary in canaries.values())


def test_a_key_is_put_first_in_the_file(ring: Path) -> None:
    old = sealed()
    added = keyring.add()
    assert keyring.ids() == [added, old.key_id]
    assert ring.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in ring.parent.iterdir()] == ["keys"]


def test_a_private_file_is_never_replaced(tmp_path: Path) -> None:
    privatefile.create(tmp_path / "key", b"first")
    privatefile.create(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_the_ssh_key_is_made_once() -> None:
    path = sshkey.private_key_path()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert sshkey.public_key() == sshkey.public_key()
    assert asyncssh.import_public_key(sshkey.public_key()).get_algorithm() == "ssh-ed25519"

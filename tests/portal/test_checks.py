"""Settings with which the portal refuses to start, and what it says of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from portal import checks, services
from replicas import keyring, privatefile, sshkey
from replicas.audit import checkpoints
from replicas.errors import PortalError

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")]
ELSEWHERE = {"ENGINE": "django.db.backends.postgresql", "HOST": "db.example.com"}
SQLITE = {"ENGINE": "django.db.backends.sqlite3"}


@pytest.fixture(autouse=True)
def one_machine(settings: Settings, tmp_path: Path) -> None:
    """Nothing is set, whatever the tests themselves run on."""
    settings.DATA_DIR = tmp_path
    settings.SECRET_KEYS_FILE, settings.SSH_KEY_FILE = tmp_path / "keys", tmp_path / "id"
    settings.DATABASES, settings.HUEY = {"default": SQLITE}, {}
    settings.CHECKPOINT_KEY_FILE = tmp_path / "checkpoint-key.pem"
    settings.OWN_SECRET_KEY, settings.SECRET_KEYS = True, ""


def found() -> set[str]:
    try:
        call_command("check")
    except SystemCheckError as error:
        return {word.strip("()") for word in str(error).split() if word.startswith("(portal.E")}
    return set()


def test_one_machine_needs_nothing() -> None:
    assert found() == set()


def test_machines_that_share_a_database_share_their_keys(settings: Settings) -> None:
    settings.DATABASES = {"default": ELSEWHERE}
    assert found() == {"portal.E005", "portal.E006", "portal.E007"}
    settings.OWN_SECRET_KEY = False
    privatefile.create(settings.SECRET_KEYS_FILE, b"")
    assert sshkey.private_key_path() == settings.SSH_KEY_FILE
    assert found() == set()


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff\xfe", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_keys_that_cannot_be_read(settings: Settings, content: bytes) -> None:
    for path in (settings.SSH_KEY_FILE, settings.CHECKPOINT_KEY_FILE):
        privatefile.create(path, content)
    assert found() == {"portal.E010", "portal.E011"}


def test_a_key_with_a_passphrase_cannot_be_used(settings: Settings) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key("pkcs8-pem", passphrase="canary-passphrase")
    privatefile.create(settings.SSH_KEY_FILE, key)
    assert found() == {"portal.E010"}


def test_keys_that_the_portal_makes_can_be_read() -> None:
    sshkey.private_key_path()
    checkpoints.private_key()
    assert found() == set()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"canary-ring"])
def test_a_key_ring_that_cannot_be_read_is_named(settings: Settings, content: bytes) -> None:
    privatefile.create(settings.SECRET_KEYS_FILE, content)
    with pytest.raises(PortalError, match=str(settings.SECRET_KEYS_FILE)) as caught:
        keyring.ids()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1", "/run/postgresql"])
def test_a_server_on_this_machine_is_no_other_machine(settings: Settings, host: str) -> None:
    settings.DATABASES = {"default": ELSEWHERE | {"HOST": host}}
    settings.HUEY = {"connection": {"host": host}}
    assert found() == set()


@pytest.mark.parametrize(
    ("database", "connection", "expected"),
    [
        (SQLITE, {"host": "192.0.2.7", "password": "x"}, {"portal.E009"}),
        (SQLITE, {"host": "192.0.2.7"}, {"portal.E008", "portal.E009"}),
        (ELSEWHERE | {"HOST": ""}, {"host": "queue.example.com"}, {"portal.E008"}),
    ],
)
def test_half_of_several_machines(
    settings: Settings, database: dict[str, Any], connection: dict[str, Any], expected: set[str]
) -> None:
    settings.DATABASES, settings.HUEY = {"default": database}, {"connection": connection}
    assert found() == expected


def test_sqlite_on_a_network_file_system(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"36 21 0:31 / {tmp_path} rw,relatime shared:1 - nfs4 files:/export rw\n"
        f"37 36 0:32 / {tmp_path}/local rw - tmpfs tmpfs rw\n"
    )
    assert checks.file_system(tmp_path / "portal", mounts) == "nfs4"
    assert checks.file_system(tmp_path / "local" / "deep", mounts) == "tmpfs"
    assert checks.file_system(Path("/usr"), mounts) == "ext4"
    monkeypatch.setattr(checks, "file_system", partial(checks.file_system, mounts=mounts))
    assert found() == {"portal.E004"}


@pytest.mark.parametrize("url", ["mysql://u:sekret@db/portal", "postgresql://u:se/kret@db/portal", "sekret"])
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^DATABASE_URL") as caught:
        services.postgresql(url, 4, 4)
    assert "kret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://u:sekret@queue", "redis://:se/kret@queue/0"])
def test_nor_is_that_of_redis(url: str) -> None:
    for read in (services.redis_layer, lambda given: services.redis_queue(given, "key")):
        with pytest.raises(ImproperlyConfigured, match="^REDIS_URL") as caught:
            read(url)
        assert "kret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "hosts", "warned"),
    [
        ("https://portal.example.com", ["portal.example.com"], False),
        ("https://portal.example.com:8443/tools", [".example.com"], False),
        ("https://[2001:db8::1]:8443", ["[2001:db8::1]"], False),
        ("https://portal.example.com", ["localhost"], True),
        ("http://localhost:8000", ["portal.example.com"], True),
    ],
)
def test_the_address_in_mails_is_one_that_the_portal_answers_for(
    settings: Settings, url: str, hosts: list[str], warned: bool
) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = url, hosts
    assert [warning.id for warning in checks.own_host(None)] == ["portal.W001"] * warned

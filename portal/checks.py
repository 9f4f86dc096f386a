"""Unsafe settings refuse to start, and so do those with which several machines would not be one portal."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncssh
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host

NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "lustre", "glusterfs", "fuse.glusterfs", "fuse.sshfs")
)


@register(Tags.security)
def allowed_hosts(app_configs: Any, **kwargs: Any) -> list[Error]:
    if "*" in settings.ALLOWED_HOSTS:
        return [
            Error(
                "PORTAL_ALLOWED_HOSTS is '*'.",
                hint="Name the hosts under which the portal is reached.",
                id="portal.E001",
            )
        ]
    return []


@register(Tags.security)
def own_host(app_configs: Any, **kwargs: Any) -> list[Warning]:
    """Links in e-mails lead to PORTAL_URL, and a host that is not allowed answers every page with status 400."""
    host = urlsplit(settings.PUBLIC_URL).netloc
    name = split_domain_port(host)[0]
    if not validate_host(name, settings.ALLOWED_HOSTS):
        return [
            Warning(
                f"PORTAL_URL leads to {name}, which is not among PORTAL_ALLOWED_HOSTS.",
                hint="Add it there, unless a proxy in front sends another host name to the portal.",
                id="portal.W001",
            )
        ]
    return []


@register(Tags.security)
def private_files(app_configs: Any, **kwargs: Any) -> list[Error]:
    """The key ring and the SSH key must not be readable by other accounts."""
    return [
        Error(f"{path} is readable by other accounts of this machine.", hint=f"chmod 600 {path}", id="portal.E002")
        for path in (settings.SECRET_KEYS_FILE, settings.SSH_KEY_FILE)
        if path.exists() and path.stat().st_mode & 0o077
    ]


@register(Tags.security)
def readable_keys(app_configs: Any, **kwargs: Any) -> list[Error]:
    """The SSH key and the key of the checkpoints can be used without anybody who enters a passphrase."""
    files = (
        ("PORTAL_SSH_KEY_FILE", settings.SSH_KEY_FILE, asyncssh.read_private_key, "E010"),
        ("PORTAL_CHECKPOINT_KEY_FILE", settings.CHECKPOINT_KEY_FILE, _read_pem, "E011"),
    )
    return [
        Error(
            f"{name} names {path}, which is not a private key that can be read.",
            hint="Name a private key without a passphrase.",
            id=f"portal.{number}",
        )
        for name, path, read, number in files
        if path.exists() and not _succeeds(read, path)
    ]


def _read_pem(path: Path) -> object:
    return serialization.load_pem_private_key(path.read_bytes(), None)


def _succeeds(read: Callable[[Path], object], path: Path) -> bool:
    try:
        read(path)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):  # asyncssh's own errors are ValueErrors
        return False
    return True


@register(Tags.security)
def debug_is_local(app_configs: Any, **kwargs: Any) -> list[Error]:
    local = {"localhost", "127.0.0.1", "[::1]", "testserver"}
    if settings.DEBUG and not set(settings.ALLOWED_HOSTS) <= local:
        return [
            Error(
                "PORTAL_DEBUG is on while the portal answers for other hosts than localhost.",
                hint="Turn PORTAL_DEBUG off: its error pages show settings to anybody.",
                id="portal.E003",
            )
        ]
    return []


@register(Tags.security)
def keys_of_credentials(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Every stored credential opens with a key of the ring; nothing is said before there are tables."""
    from replicas.actions.rotate_keys import require_keys  # models are there only once the applications are loaded
    from replicas.errors import PortalError

    try:
        require_keys()
    except DatabaseError:
        return []
    except PortalError as error:
        return [Error(error.message, hint=error.remedy, id="portal.E020")]
    return []


@register(Tags.security)
def sqlite_is_local(app_configs: Any, **kwargs: Any) -> list[Error]:
    """SQLite's locks do not hold between machines (sqlite.org/useovernet.html)."""
    kind = file_system(settings.DATA_DIR)
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3") and kind in NETWORK_FILE_SYSTEMS:
        return [
            Error(
                f"SQLite's database in {settings.DATA_DIR} lies on a network file system ({kind}).",
                hint="Set DATABASE_URL to a PostgreSQL server, or PORTAL_DATA_DIR to a local folder.",
                id="portal.E004",
            )
        ]
    return []


@register(Tags.security)
def shared_secrets(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Machines that share a database elsewhere share what each would otherwise make for itself."""
    if not remote(settings.DATABASES["default"].get("HOST", "")):
        return []
    missing = [
        (settings.OWN_SECRET_KEY, "PORTAL_SECRET_KEY is not set: other machines end sessions that begin here.", "E005"),
        (_no_ring(), f"PORTAL_KEYS is not set, and {settings.SECRET_KEYS_FILE} is not there.", "E006"),
        (not settings.SSH_KEY_FILE.exists(), f"There is no SSH key in {settings.SSH_KEY_FILE}.", "E007"),
    ]
    hint = "The database is on another machine: give every machine of the portal the same (docs/many-machines.md)."
    return [Error(text, hint=hint, id=f"portal.{name}") for wrong, text, name in missing if wrong]


def _no_ring() -> bool:
    return not settings.SECRET_KEYS and not settings.SECRET_KEYS_FILE.exists()


@register(Tags.security)
def redis_is_closed(app_configs: Any, **kwargs: Any) -> list[Error]:
    connection = settings.HUEY.get("connection", {})
    if remote(connection.get("host", "")) and not connection.get("password"):
        return [
            Error(
                "REDIS_URL has no password, and Redis is on another machine: anybody on the way could empty the queue.",
                hint="Set requirepass on the Redis server, and write redis://:PASSWORD@HOST/0.",
                id="portal.E008",
            )
        ]
    return []


@register(Tags.security)
def sqlite_with_redis_elsewhere(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Redis and SQLite on one machine are fine; with Redis elsewhere other machines would have other databases."""
    local = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    if local and remote(settings.HUEY.get("connection", {}).get("host", "")):
        return [
            Error(
                "REDIS_URL names another machine, but the database is SQLite on this one.",
                hint="Several machines need PostgreSQL as well: set DATABASE_URL.",
                id="portal.E009",
            )
        ]
    return []


def remote(host: str) -> bool:
    """Whether that is another machine, as far as the name tells; an empty one or a path is a socket of this one."""
    if not host or host.startswith("/") or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The type of the file system that holds the path, by the longest mount point (proc(5)); empty where unknown."""
    if not mounts.exists():
        return ""
    found: dict[str, str] = {}
    for line in mounts.read_text().splitlines():
        before, _, after = line.partition(" - ")
        found[before.split()[4].replace("\\040", " ")] = after.split()[0]  # the last one mounted is on top
    whole = path.resolve()
    return next((found[str(folder)] for folder in (whole, *whole.parents) if str(folder) in found), "")

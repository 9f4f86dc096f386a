"""Signed checkpoints (Ed25519, RFC 8032) of the history's end, kept where the owner of the database cannot reach."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import logging.handlers
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.utils import timezone

from replicas import privatefile
from replicas.audit import canonical
from replicas.errors import PortalError
from replicas.models import AuditHead

LONGEST = 4096
"""Bytes that surely hold the last line of the file."""


class Checkpoint(NamedTuple):
    """The history ended with `event`, whose digest this was, at that time (ISO 8601), and had so many events."""

    event: int
    digest: str
    at: str
    events: int


class BadCheckpoint(PortalError):
    """A line of a file of checkpoints that its key did not sign."""


def write() -> Checkpoint | None:
    """Sign the present end of the history and append it to the file; None when it ended there the last time, too.

    Raises OSError when the file cannot be written.
    """
    head = AuditHead.objects.first()
    path: Path = settings.CHECKPOINTS_FILE
    if head is None or _last_event(path) == head.last_id:
        return None
    checkpoint = Checkpoint(head.last_id, head.digest, timezone.now().isoformat(), head.events)
    line = _signed(checkpoint)
    _append(path, line)
    _tell_syslog(line)
    return checkpoint


def read(path: Path, keys: Iterable[Ed25519PublicKey]) -> Iterator[Checkpoint]:
    """The checkpoints of a file. Raises BadCheckpoint, naming the line, when none of the keys signed it; OSError."""
    known = {key_id(key): key for key in keys}
    with path.open() as lines:
        for number, line in enumerate(lines, 1):
            try:
                fields = json.loads(line)
                signature = base64.b64decode(fields.pop("signature"))
                known[fields["key"]].verify(signature, canonical(fields))
                yield Checkpoint(fields["event"], fields["digest"], fields["at"], fields["events"])
            except (ValueError, TypeError, KeyError, AttributeError, InvalidSignature) as error:
                raise BadCheckpoint(
                    f"Line {number} of {path} was not signed with a known key.",
                    "See whether somebody changed the file, and whether the public key is the right one.",
                ) from error


def own() -> list[Checkpoint]:
    """What this machine has signed. Raises BadCheckpoint."""
    path: Path = settings.CHECKPOINTS_FILE
    return list(read(path, [private_key().public_key()])) if path.exists() else []


def private_key() -> Ed25519PrivateKey:
    """The key of this machine, made when it is missing (PKCS #8, mode 0600)."""
    path: Path = settings.CHECKPOINT_KEY_FILE
    if not path.exists():
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        privatefile.create(path, Ed25519PrivateKey.generate().private_bytes(*form))
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise PortalError(f"{path} holds another kind of key than Ed25519.", "Move it away; a new one is made.")
    return key


def public_key_pem() -> str:
    """What others verify the checkpoints with."""
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private_key().public_key().public_bytes(*form).decode()


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Raises PortalError for a file that holds no such key, OSError."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise PortalError(f"{path} holds no public Ed25519 key in PEM.", "manage.py verify_audit --show-key prints it.")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """The beginning of the key's SHA-256, in hex."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def _signed(checkpoint: Checkpoint) -> str:
    key = private_key()
    fields = {**checkpoint._asdict(), "key": key_id(key.public_key())}
    signature = base64.b64encode(key.sign(canonical(fields))).decode()
    return json.dumps(fields | {"signature": signature}, sort_keys=True)


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


def _last_event(path: Path) -> int | None:
    """The event of the last line, if there is one that can be read."""
    try:
        with path.open("rb") as file:
            file.seek(-min(LONGEST, path.stat().st_size), os.SEEK_END)
            lines = file.read().splitlines()
        return int(json.loads(lines[-1])["event"])
    except (OSError, IndexError, ValueError, KeyError, TypeError):
        return None


def _tell_syslog(line: str) -> None:
    """To the log of the system or of another machine, when PORTAL_AUDIT_SYSLOG names one; that may fail."""
    where: str = settings.AUDIT_SYSLOG
    if not where:
        return
    host, _, port = where.rpartition(":")
    try:
        handler = logging.handlers.SysLogHandler(
            where if where.startswith("/") else (host.strip("[]"), int(port)), logging.handlers.SysLogHandler.LOG_AUTH
        )
    except OSError as error:
        logging.getLogger(__name__).warning("The checkpoint did not reach syslog at %s: %s", where, error)
        return
    handler.emit(logging.makeLogRecord({"msg": f"replica-portal checkpoint {line}", "levelno": logging.NOTSET}))
    handler.close()

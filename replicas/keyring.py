"""The credential store's encryption (AES-256-GCM): a data key for each credential, wrapped by a ring's first key."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.translation import gettext as _

from replicas import privatefile
from replicas.errors import PortalError

_NONCE = 12  # bytes (NIST SP 800-38D, 8.2.2)
_KEY = 32  # bytes

Binary = bytes | memoryview
"""SQLite gives bytes, PostgreSQL a view of them."""


class Envelope(NamedTuple):
    """The three columns of a sealed credential (replicas/models/credentials.py)."""

    key_id: str
    data_key: bytes
    ciphertext: bytes


class SealedRow(Protocol):
    """A stored envelope, and whose it is."""

    key_id: str

    @property
    def data_key(self) -> Binary: ...

    @property
    def ciphertext(self) -> Binary: ...

    @property
    def owner(self) -> str: ...


def seal(text: str, owner: str) -> Envelope:
    """Encrypt with a fresh data key, under the ring's first key; it opens for that owner only.

    Raises PortalError when the ring cannot be read.
    """
    key_id, key = next(iter(_ring().items()))
    data_key = AESGCM.generate_key(8 * _KEY)
    return Envelope(key_id, _lock(key, data_key, _wrapping(key_id, owner)), _lock(data_key, text.encode(), _own(owner)))


def unseal(row: SealedRow) -> str:
    """The secret. Raises PortalError when its key is not in the ring, or when the row was changed or is another's."""
    key = _ring().get(row.key_id)
    if key is None:
        raise PortalError(
            _("The key «%(key)s», which the credential %(owner)s is encrypted with, is not in %(ring)s.")
            % {"key": row.key_id, "owner": row.owner, "ring": source()},
            _("Put that key back, or set the credential again."),
        )
    try:
        return _opened(row, key).decode()
    except (InvalidTag, ValueError):  # ValueError: cut short
        raise PortalError(
            _("The credential %(owner)s does not open with the key «%(key)s»: one of them was changed.")
            % {"key": row.key_id, "owner": row.owner},
            _("Set the credential again."),
        ) from None


def ids() -> list[str]:
    """The ids of the ring's keys, the one that encrypts first. Raises PortalError."""
    return list(_ring())


def source() -> str:
    """Where the ring comes from, for messages."""
    return "PORTAL_KEYS" if settings.SECRET_KEYS else str(settings.SECRET_KEYS_FILE)


def add() -> str:
    """Put a fresh key first in the ring's file; its id. Raises PortalError when the ring is not in a file."""
    if settings.SECRET_KEYS:
        raise PortalError(
            _("The key ring comes from PORTAL_KEYS, which this command cannot change."),
            _("Put a new key first there («ID:» and the output of `openssl rand -base64 32`), and restart the portal."),
        )
    _ring()  # made, when this is the first start; refused, when it is no ring
    line = _fresh()
    path: Path = settings.SECRET_KEYS_FILE
    privatefile.replace(path, line.encode() + path.read_bytes())
    return line.partition(":")[0]


def _opened(row: SealedRow, key: bytes) -> bytes:
    data_key, ciphertext = bytes(row.data_key), bytes(row.ciphertext)
    if not data_key:  # as it was stored before there were data keys
        return _unlock(key, ciphertext, f"{row.key_id}\0{row.owner}".encode())
    return _unlock(_unlock(key, data_key, _wrapping(row.key_id, row.owner)), ciphertext, _own(row.owner))


def _wrapping(key_id: str, owner: str) -> bytes:
    """What a wrapped data key is bound to, so that neither its id nor its row can be exchanged."""
    return f"data key\0{key_id}\0{owner}".encode()


def _own(owner: str) -> bytes:
    """Who can write the database must not give one realm's password to another realm's hosts."""
    return f"secret\0{owner}".encode()


def _lock(key: bytes, content: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, content, bound)


def _unlock(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)


def _ring() -> dict[str, bytes]:
    """Keys by id, in the order of the ring; a first start without PORTAL_KEYS makes a file with one key."""
    if settings.SECRET_KEYS:
        return _parsed(settings.SECRET_KEYS.replace(",", "\n"))
    path: Path = settings.SECRET_KEYS_FILE
    if not path.exists():
        privatefile.create(path, _fresh().encode())
    try:
        return _parsed(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or _("it is not a text file")
        raise PortalError(
            _("The key ring %(ring)s cannot be read: %(reason)s.") % {"ring": path, "reason": reason},
            _("Make it a file that the portal's account can read, or restore it from a backup."),
        ) from error


def _parsed(text: str) -> dict[str, bytes]:
    lines = [line.partition(":") for line in text.splitlines() if line.strip()]
    try:
        ring = {key_id.strip(): base64.b64decode(key.strip(), validate=True) for key_id, _colon, key in lines}
    except ValueError:
        ring = {}
    if not ring or len(ring) != len(lines) or any(not key_id or len(key) != _KEY for key_id, key in ring.items()):
        raise PortalError(
            _("%(ring)s is not a key ring.") % {"ring": source()},
            _("Each entry is an id of its own, a colon and 32 bytes in base64."),
        )
    return ring


def _fresh() -> str:
    return f"{secrets.token_hex(4)}:{base64.b64encode(AESGCM.generate_key(8 * _KEY)).decode()}\n"

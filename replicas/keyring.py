"""The key ring of the credential store: AES-256-GCM, key ids, the first key encrypts."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.translation import gettext as _

from replicas.errors import PortalError

_NONCE = 12  # bytes (NIST SP 800-38D, 8.2.2)
_KEY = 32  # bytes


def encrypt(text: str, owner: str) -> tuple[str, bytes]:
    """The id of the key in use, and nonce with ciphertext, which opens for that owner only.

    Raises PortalError when the ring cannot be read.
    """
    key_id, key = next(iter(_ring().items()))
    nonce = secrets.token_bytes(_NONCE)
    return key_id, nonce + AESGCM(key).encrypt(nonce, text.encode(), _bound(key_id, owner))


def decrypt(key_id: str, sealed: bytes, owner: str) -> str:
    """Raises PortalError when the key is not in the ring, or the ciphertext was changed or is another owner's."""
    key = _ring().get(key_id)
    if key is None:
        raise PortalError(
            _("The key «%(key)s» that a credential is encrypted with is not in %(file)s.")
            % {"key": key_id, "file": settings.SECRET_KEYS_FILE},
            _("Put that key back, or set the credential again."),
        )
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(key_id, owner)).decode()
    except (InvalidTag, ValueError):  # ValueError: cut short
        raise PortalError(
            _("A credential does not open with the key «%(key)s»: one of them was changed.") % {"key": key_id},
            _("Set the credential again."),
        ) from None


def _bound(key_id: str, owner: str) -> bytes:
    """Who can write the database must not give one realm's password to another realm's hosts."""
    return f"{key_id}\0{owner}".encode()


def _ring() -> dict[str, bytes]:
    """Keys by id, in the file's order; a first start makes a file with one key."""
    path: Path = settings.SECRET_KEYS_FILE
    if not path.exists():
        line = f"{secrets.token_hex(4)}:{base64.b64encode(AESGCM.generate_key(256)).decode()}\n"
        create_private(path, line.encode())
    lines = [line.partition(":") for line in path.read_text().splitlines() if line.strip()]
    try:
        ring = {key_id.strip(): base64.b64decode(key, validate=True) for key_id, _colon, key in lines}
    except ValueError:
        ring = {}
    if not ring or any(len(key) != _KEY for key in ring.values()):
        raise PortalError(
            _("%(file)s is not a key ring.") % {"file": path},
            _("Each line is an id, a colon and 32 bytes in base64, without spaces."),
        )
    return ring


def create_private(path: Path, content: bytes) -> None:
    """Make a file with mode 0600 that appears complete, unless another process has just made it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # refuses to replace what is there
    except FileExistsError:
        pass
    finally:
        temporary.unlink()

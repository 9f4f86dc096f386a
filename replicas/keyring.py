"""The key ring of the credential store: AES-256-GCM, key ids, the first key encrypts."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from replicas.errors import PortalError

_NONCE = 12  # bytes (NIST SP 800-38D, 8.2.2)


def encrypt(text: str) -> tuple[str, bytes]:
    """The id of the key in use, and nonce with ciphertext."""
    ring = _ring()
    key_id, key = next(iter(ring.items()))
    nonce = secrets.token_bytes(_NONCE)
    return key_id, nonce + AESGCM(key).encrypt(nonce, text.encode(), key_id.encode())


def decrypt(key_id: str, sealed: bytes) -> str:
    """Raises PortalError when the key is not in the ring, or the ciphertext was changed."""
    key = _ring().get(key_id)
    if key is None:
        raise PortalError(
            f"The key «{key_id}» that a credential is encrypted with is not in {settings.SECRET_KEYS_FILE}.",
            "Put that key back, or set the credential again.",
        )
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], key_id.encode()).decode()
    except InvalidTag:
        raise PortalError(
            f"A credential does not open with the key «{key_id}»: one of them was changed.", "Set the credential again."
        ) from None


def _ring() -> dict[str, bytes]:
    """Keys by id, in the file's order; a first start makes a file with one key."""
    path: Path = settings.SECRET_KEYS_FILE
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secrets.token_hex(4)}:{base64.b64encode(AESGCM.generate_key(256)).decode()}\n")
    except FileExistsError:
        pass
    lines = [line.partition(":") for line in path.read_text().splitlines() if line.strip()]
    ring = {key_id.strip(): base64.b64decode(key) for key_id, _, key in lines}
    if not ring or any(len(key) != 32 for key in ring.values()):
        raise PortalError(f"{path} is not a key ring.", "Each line is an id, a colon and 32 bytes in base64.")
    return ring

"""The portal's own SSH key: made at first use, its public half is shown where hosts are registered."""

from __future__ import annotations

from pathlib import Path

import asyncssh
from django.conf import settings

from replicas import privatefile


def private_key_path() -> Path:
    """The file with the private key, made when it is missing (Ed25519, mode 0600)."""
    path: Path = settings.SSH_KEY_FILE
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519", comment="replica-portal")
        privatefile.create(path, key.export_private_key())
    return path


def public_key() -> str:
    """One line for authorized_keys(5)."""
    return asyncssh.read_private_key(private_key_path()).export_public_key().decode().strip()

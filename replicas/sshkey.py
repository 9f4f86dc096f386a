"""The portal's own SSH key: made at first use, its public half is shown where hosts are registered."""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh
from django.conf import settings


def private_key_path() -> Path:
    """The file with the private key, made when it is missing (Ed25519, mode 0600)."""
    path: Path = settings.SSH_KEY_FILE
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519", comment="replica-portal")
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key.export_private_key())
        try:
            os.link(temporary, path)  # refuses to replace the key that another process has just made
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path


def public_key() -> str:
    """One line for authorized_keys(5)."""
    return asyncssh.read_private_key(private_key_path()).export_public_key().decode().strip()

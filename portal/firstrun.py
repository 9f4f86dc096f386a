"""What a first start makes for itself, so that one machine needs no configuration."""

from __future__ import annotations

from pathlib import Path

from django.core.management.utils import get_random_secret_key

from portal.environment import SettingError
from replicas import privatefile


def secret_key(data_dir: Path) -> str:
    """Return the key that signs sessions: made once, kept in a file that only the portal's account reads.

    Raises SettingError.
    """
    path = data_dir / "secret_key"
    try:
        if not path.exists():
            privatefile.create(path, get_random_secret_key().encode())
        key = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        key, problem = "", f"is not set, and {path} cannot be used ({reason})"
    else:
        problem = f"is not set, and {path} is empty"
    if not key:
        raise SettingError("PORTAL_SECRET_KEY", problem, "Set it, or let the portal's account read and write the file.")
    return key

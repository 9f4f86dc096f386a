"""The portal's own SSH key, as a line for authorized_keys."""

from __future__ import annotations

from django.conf import settings


def public_key() -> str:
    """The public half, or an empty string before the first `manage.py bootstrap`."""
    path = settings.SSH_KEY_FILE.with_name(settings.SSH_KEY_FILE.name + ".pub")
    return path.read_text().strip() if path.exists() else ""

"""Unsafe settings refuse to start."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import DatabaseError


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
def private_files(app_configs: Any, **kwargs: Any) -> list[Error]:
    """The key ring and the SSH key must not be readable by other accounts."""
    return [
        Error(f"{path} is readable by other accounts of this machine.", hint=f"chmod 600 {path}", id="portal.E002")
        for path in (settings.SECRET_KEYS_FILE, settings.SSH_KEY_FILE)
        if path.exists() and path.stat().st_mode & 0o077
    ]


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

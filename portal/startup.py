"""The first thing that every process of the portal does."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def require_settings() -> None:
    """Read the settings, or end the process with one line that names the wrong variable and says what to do.

    A traceback would say less, and could show what was read.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        _ = settings.DEBUG
    except ImproperlyConfigured as error:
        message = f"The portal does not start: {error}"
    else:
        return
    raise SystemExit(message)

"""The first thing that every process of the portal does."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import handle_default_options


def require_settings(arguments: Sequence[str] = ()) -> None:
    """Read the settings, or end the process with one line that names the wrong variable and says what to do.

    A traceback would say less, and could show what was read. `arguments` are those of a management command: as Django
    does, its `--settings` and `--pythonpath` are heeded before the settings are read.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--settings")
    parser.add_argument("--pythonpath")
    handle_default_options(parser.parse_known_args(arguments)[0])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        _ = settings.DEBUG
    except ImproperlyConfigured as error:
        message = f"The portal does not start: {error}"
    else:
        return
    raise SystemExit(message)

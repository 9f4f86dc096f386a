"""Error pages and reports name things without showing their values."""

from __future__ import annotations

import logging
from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

from replicas import visible


class Visible(logging.Formatter):
    """Lines for a terminal, in which nothing that hosts or people wrote controls it or hides what is around it."""

    def format(self, record: logging.LogRecord) -> str:
        return visible.mark(super().format(record))


class NoValues(SafeExceptionReporterFilter):
    """Django's own filter hides what is marked, and with DEBUG nothing: passwords in forms and variables would show."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return dict.fromkeys(request.POST, self.cleansed_substitute) if request else {}

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> ItemsView[str, Any]:
        return {name: f"<{type(value).__qualname__}>" for name, value in tb_frame.f_locals.items()}.items()

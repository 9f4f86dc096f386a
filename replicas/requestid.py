"""What an event belongs to: one request of a browser, or one run."""

from __future__ import annotations

from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="")

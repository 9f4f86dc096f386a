"""Who asks, from where, and whether they may: the first line of every view."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from replicas import permissions


class SignedInRequest(HttpRequest):
    """LoginRequiredMiddleware lets nobody else in."""

    user: User


def require(request: SignedInRequest, verb: str, obj: Any = None) -> None:
    """Raises PermissionDenied, which becomes the page 403."""
    if not permissions.may(request.user, verb, obj):
        raise PermissionDenied

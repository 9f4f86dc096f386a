"""Who asks, from where, and whether they may: the first line of every view."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from replicas import permissions


class SignedInRequest(HttpRequest):
    """portal.middleware.SignIn lets nobody else in."""

    user: User


def require(request: SignedInRequest, verb: str, obj: Any = None) -> None:
    """Raises PermissionDenied, which becomes the page 403."""
    if not permissions.may(request.user, verb, obj):
        raise PermissionDenied


def linked_from_another_site(request: SignedInRequest) -> bool:
    """Return whether a link of another site led here: it must not change or reach anything on behalf of the reader."""
    return request.headers.get("Sec-Fetch-Site", "") in ("cross-site", "same-site")


def posted(page: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Only a POST reaches the view; whoever follows its address as a link lands on the page that it belongs to."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def answer(request: SignedInRequest, **where: Any) -> HttpResponse:
            key = [where[name] for name in ("pk", "table") if name in where]
            return view(request, **where) if request.method == "POST" else redirect(page, *key)

        return answer

    return decorate

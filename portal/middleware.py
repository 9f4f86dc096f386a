"""What every answer passes through."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect
from whitenoise.middleware import WhiteNoiseMiddleware

from replicas import requestid, visible
from replicas.views.health import healthz

HEALTH = "/healthz"

POLICY = "; ".join((
    "default-src 'self'",
    "img-src 'self' data:",  # Bootstrap's own style sheet draws ticks and arrows with them
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
))  # fmt: skip


def health(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer load balancers before anything looks at the host or the scheme: they ask an address, over plain HTTP.

    Nothing in that answer depends on the host, so PORTAL_ALLOWED_HOSTS protects nothing there.
    """

    def checked(request: HttpRequest) -> HttpResponseBase:
        if request.path_info != HEALTH:
            return answer(request)
        response = healthz(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return checked


def content_security_policy(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Nothing but our own files runs or is loaded, and nobody frames us."""

    def secured(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return secured


def request_id(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A name for each request, in the history and in the answer; that of a proxy in front, if it gives one."""

    def named(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        name = given if re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given) else secrets.token_hex(8)
        token = requestid.current.set(name)
        try:
            response = answer(request)
        finally:
            requestid.current.reset(token)
        response.headers["X-Request-ID"] = name
        return response

    return named


def time_zone(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Times in the zone that the reader's browser names in a cookie (portal.js), or else in that of the settings."""

    def told(request: HttpRequest) -> HttpResponseBase:
        name = request.COOKIES.get("timezone", "")
        with timezone.override(ZoneInfo(name) if name in _zones() else None):
            return answer(request)

    return told


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def visible_text(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Show what could hide or reorder text on a page (replicas/visible.py), wherever on the page it comes from."""

    def shown(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        if isinstance(response, HttpResponse) and response.get("Content-Type", "").startswith("text/html"):
            before = response.content.decode(response.charset)
            after = visible.page(before)
            if after is not before:
                response.content = after.encode(response.charset)
        return response

    return shown


class SignIn(LoginRequiredMiddleware):
    """Whoever is not signed in is sent to where one signs in, and back; the whole page, even if htmx asked for a part.

    htmx would follow a plain redirect, and put the page for signing in where the part was.
    """

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        answer = super().process_view(request, *view)
        if isinstance(answer, HttpResponseRedirect) and request.headers.get("HX-Request") == "true":
            return HttpResponseClientRedirect(answer.url)
        return answer


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Static files in one piece: they are small, and ASGI cannot stream from a synchronous file."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        streamed = WhiteNoiseMiddleware.serve(static_file, request)
        whole = HttpResponse(b"".join(streamed), status=streamed.status_code, headers=streamed.headers)
        streamed.close()
        return whole

"""The answers to requests that ended in an exception."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import defaults

from replicas.actions.refusals import refused
from replicas.permissions import Actor

AGAIN_SECONDS = 5
TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the page 403 for a form that was open while its session changed; Django calls it as CSRF_FAILURE_VIEW.

    A part of a page that was sent by htmx has all of its page loaded again, with the new session.
    """
    response = render(request, "403_csrf.html", {"back": _page_before(request)}, status=403)
    if request.headers.get("HX-Request") == "true":
        response.headers["HX-Refresh"] = "true"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 413 for a form with more than the portal takes, and 400 for everything else that cannot be read."""
    too_large = isinstance(exception, TOO_LARGE)
    back = _page_before(request) if too_large else reverse("dashboard")
    page = render_to_string("400.html", {"too_large": too_large, "back": back})  # the host name may be the bad part
    return HttpResponse(page, status=413 if too_large else 400)


def _page_before(request: HttpRequest) -> str:
    """Return the address of the portal's page that the request came from, or else its own."""
    before = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(before, {request.get_host()}, request.is_secure()):
        parts = urlsplit(before)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return request.get_full_path()


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """The page 403; that somebody who is signed in was refused is noted first.

    A part of a page that asks by itself has all of it loaded again, so that it is seen, and neither asks nor is noted
    every few seconds.
    """
    user = getattr(request, "user", None)
    if isinstance(user, User):
        actor = Actor(user, request.META.get("REMOTE_ADDR", ""))
        refused(actor, "page", "", f"{request.method} {request.path}", str(exception))
    response = defaults.permission_denied(request, exception)
    if request.headers.get("HX-Request") == "true":
        response.headers["HX-Refresh"] = "true"
    return response


def server_error(request: HttpRequest) -> HttpResponseBase:
    """503 with a page that asks again while the database is away; everything else is a defect of the portal."""
    if not isinstance(sys.exc_info()[1], (InterfaceError, OperationalError)):
        return defaults.server_error(request)
    again = request.method == "GET"
    page = render_to_string("503.html", {"again": again})  # without what asks who is signed in
    response = HttpResponse(page, status=503, headers={"Retry-After": str(AGAIN_SECONDS)})
    if again:
        response.headers["Refresh"] = str(AGAIN_SECONDS)
    return response

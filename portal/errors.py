"""The answers to requests that ended in an exception."""

from __future__ import annotations

import sys

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.views import defaults

from replicas.actions.refusals import refused
from replicas.permissions import Actor

AGAIN_SECONDS = 5


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

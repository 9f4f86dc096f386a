"""Whether this process serves and reaches its database: for load balancers, without signing in."""

from __future__ import annotations

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200, or 503 while the database is unavailable; the answer says nothing else.

    portal.middleware.health calls it, so that neither the host nor the scheme of the request matters.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return HttpResponse("The database is unavailable.\n", content_type="text/plain", status=503)
    return HttpResponse("ok\n", content_type="text/plain")

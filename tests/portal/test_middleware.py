"""What every answer passes through."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from portal.middleware import time_zone


@pytest.mark.parametrize(
    ("cookie", "zone"),
    [("Europe/Berlin", "Europe/Berlin"), ("", "UTC"), ("Mars/Olympus", "UTC"), ("../../etc/passwd", "UTC")],
)
def test_times_are_in_the_zone_of_the_cookie(cookie: str, zone: str) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(timezone.get_current_timezone_name())

    request = RequestFactory().get("/")
    request.COOKIES["timezone"] = cookie
    assert time_zone(answer)(request).content.decode() == zone  # type: ignore[attr-defined]
    assert timezone.get_current_timezone_name() == "UTC"

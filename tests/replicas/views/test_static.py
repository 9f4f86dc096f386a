"""Static files, as an ASGI server gets them."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient


@pytest.mark.django_db
@pytest.mark.filterwarnings("error:StreamingHttpResponse")
def test_a_static_file_comes_in_one_piece(settings: Any) -> None:
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    answer = async_to_sync(AsyncClient().get)("/static/css/portal.css")
    assert answer.status_code == 200
    assert not answer.streaming
    assert answer.content == (settings.BASE_DIR / "static" / "css" / "portal.css").read_bytes()
    assert answer["Content-Type"].startswith("text/css")
    assert "default-src 'self'" in answer["Content-Security-Policy"]

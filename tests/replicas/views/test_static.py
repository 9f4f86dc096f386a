"""Static files, as an ASGI server gets them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as portal_settings
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


def test_what_bootstrap_makes_dark_is_dark() -> None:
    """Its own rules hang on an attribute of the page, which nobody sets without a script."""
    bootstrap = Path(portal_settings.FRONTEND_DIR, "bootstrap", "dist", "css", "bootstrap.css").read_text()
    own = (portal_settings.BASE_DIR / "static" / "css" / "dark.css").read_text()
    wanted = re.findall(r"\n\[data-bs-theme=dark\]( \.form-select)?\s*\{([^}]*)\}", bootstrap)
    names = {name for _, rules in wanted for name in re.findall(r"--bs-[\w-]+(?=:)", rules)}
    assert len(names) > 50
    assert names - set(re.findall(r"--bs-[\w-]+(?=:)", own)) == {"--bs-body-bg"}, (
        "which is the portal's own, light or dark"
    )

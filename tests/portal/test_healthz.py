"""What load balancers ask: answered under every host and scheme, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from pytest_django import Settings

HOSTS = ["192.0.2.5", "192.0.2.5:8000", "[2001:db8::5]", "[2001:db8::5]:8000", "evil.example", "a_b", "", "\xff", "[::"]


@pytest.fixture(autouse=True)
def behind_tls(settings: Settings, tmp_path: Path) -> None:
    """As PORTAL_BEHIND_TLS=1 has it, for one host name."""
    settings.STATIC_ROOT = tmp_path
    settings.ALLOWED_HOSTS = ["portal.example.com"]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.django_db
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("method", ["get", "head"])
def test_it_is_answered_whatever_host_and_scheme(method: str, host: str) -> None:
    answer = getattr(Client(), method)("/healthz", HTTP_HOST=host)
    assert answer.status_code == 200
    assert answer.content == (b"ok\n" if method == "get" else b"")
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"].startswith("max-age=0")


@pytest.mark.django_db
def test_it_is_answered_without_a_host() -> None:
    assert Client().get("/healthz", SERVER_NAME="").status_code == 200


@pytest.mark.parametrize("path", ["/", "/login/", "/healthz/", "//healthz", "/healthz/../login/", "/masters/healthz"])
def test_no_other_page_is(path: str) -> None:
    assert Client().get(path, HTTP_HOST="192.0.2.5", HTTP_X_FORWARDED_PROTO="https").status_code == 400
    redirected = Client().get(path, HTTP_HOST="portal.example.com")
    assert (redirected.status_code, redirected["Location"][:27]) == (301, "https://portal.example.com/")


def test_it_only_reads() -> None:
    assert Client().post("/healthz", HTTP_HOST="192.0.2.5").status_code == 405


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_told_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def broken(*args: Any) -> None:
        raise kind("connection to db.internal.example.com failed for user portal")

    monkeypatch.setattr(connection, "cursor", broken)
    answer = Client().get("/healthz", HTTP_HOST="192.0.2.5")
    assert answer.status_code == 503
    assert answer.content == b"The database is unavailable.\n"

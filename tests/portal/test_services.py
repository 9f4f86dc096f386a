"""What DATABASE_URL and REDIS_URL become."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from django.views.debug import technical_500_response
from pytest_django import Settings

from portal import services

pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
DATABASE = "postgresql://portal:p%40ss-w0rd@db.example.com:5433/replicas?sslmode=verify-full"
REDIS = "rediss://:r3dis-w0rd@queue.example.com:6380/2"


def test_the_database_keeps_what_its_url_says() -> None:
    database = services.postgresql(DATABASE, workers=4, tasks=4)
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example.com", 5433, "replicas")
    assert database["PASSWORD"] == "p@ss-w0rd"
    assert database["OPTIONS"]["sslmode"] == "verify-full"
    assert database["OPTIONS"]["pool"]["max_size"] == 48
    assert database["CONN_HEALTH_CHECKS"]


def test_four_processes_fit_into_a_server_with_200_connections() -> None:
    """As docs/many-machines.md says."""
    documented, reserved = 200, 3
    pool = services.postgresql(DATABASE, workers=4, tasks=4)["OPTIONS"]["pool"]
    assert 4 * pool["max_size"] <= documented - reserved


def test_error_pages_show_no_password(settings: Settings, rf: RequestFactory) -> None:
    """Not even those that PORTAL_DEBUG shows."""
    settings.DATABASES = {"default": services.postgresql(DATABASE, 4, 4)}
    settings.HUEY = services.redis_queue(REDIS, "signing-w0rd")
    settings.CHANNEL_LAYERS = {"default": services.redis_layer(REDIS)}
    settings.SECRET_KEY = "signing-w0rd"
    page = technical_500_response(rf.get("/"), ValueError, ValueError("broken"), None).content.decode()
    assert "queue.example.com" in page
    assert "db.example.com" in page
    assert "w0rd" not in page


def test_messages_of_the_queue_are_signed() -> None:
    mine = services.redis_queue(REDIS, "mine")["serializer"]
    other = services.redis_queue(REDIS, "other")["serializer"]
    assert mine.deserialize(mine.serialize(["run", 7])) == ["run", 7]
    with pytest.raises(ValueError, match="mismatch"):
        mine.deserialize(other.serialize(["run", 7]))

"""Who signs in, who cannot, and who is refused: all in the history, with the request that it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from replicas import audit, sessions
from replicas.audit.chain import verify
from replicas.choices import PlanState, ReplicaState
from replicas.models import AuditEvent
from replicas.views import login
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World


def told(verb: str) -> list[tuple[str, str, str]]:
    return list(AuditEvent.objects.filter(verb=verb).order_by("pk").values_list("actor", "label", "address"))


def sign_in(client: Client, name: str, password: str = w.PASSWORD) -> Any:
    return client.post(reverse("login"), {"username": name, "password": password}, REMOTE_ADDR="192.0.2.77")


def test_signing_in_and_out(world: World) -> None:
    client = Client()
    assert sign_in(client, "viewer").status_code == 302
    client.post(reverse("logout"), REMOTE_ADDR="192.0.2.77")
    assert told("session:begin") == told("session:end") == [("viewer", "viewer", "192.0.2.77")]


def test_a_failed_attempt_names_people_and_no_passwords(world: World) -> None:
    sign_in(Client(), "viewer", "wrong-password-of-viewer")
    sign_in(Client(), "my-secret-password", "x")
    assert told("session:fail") == [("portal", "viewer", "192.0.2.77"), ("portal", "unknown name", "192.0.2.77")]
    for event in AuditEvent.objects.all():
        assert "secret" not in str([getattr(event, field.name) for field in event._meta.fields])


def test_without_the_event_nobody_gets_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(audit, "record", broken)
    client = Client(raise_request_exception=False)
    assert sign_in(client, "viewer").status_code == 500
    monkeypatch.undo()
    assert client.get(reverse("dashboard")).status_code == 302, "to the page for signing in"


def test_whoever_guesses_has_to_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(login.MOST_FAILURES):
        assert sign_in(Client(), "viewer", "guess").status_code == 200
    answer = sign_in(Client(), "viewer")
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()
    assert len(told("session:fail")) == login.MOST_FAILURES
    other = Client()
    assert other.post(reverse("login"), {"username": "viewer", "password": w.PASSWORD}).status_code == 302
    later = timezone.now() + login.WITHIN + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert sign_in(Client(), "viewer").status_code == 302


def test_being_slowed_down_is_told_once_in_each_span(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def guess(name: str, times: int = 1) -> int:
        return [int(sign_in(Client(), name, "guess").status_code) for _ in range(times)][-1]

    assert guess("viewer", login.MOST_FAILURES) == 200
    assert told("session:refuse") == []
    assert guess("operator", 30) == 429
    assert told("session:refuse") == [("portal", "operator", "192.0.2.77")]
    assert AuditEvent.objects.get(verb="session:refuse").object_id == str(world.people["operator"].pk)
    later = timezone.now() + login.WITHIN + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert guess("a password", login.MOST_FAILURES) == 200
    assert guess("a\0password", 3) == 429
    assert told("session:refuse")[1:] == [("portal", "unknown name", "192.0.2.77")]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_told_once(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    w.cast()
    for _ in range(login.MOST_FAILURES):
        sign_in(Client(), "viewer", "guess")
    together, look = Barrier(4), sessions._refused

    def look_together(*given: Any) -> bool:
        found = look(*given)
        if not connection.in_atomic_block:
            together.wait(10)
        return found

    def guess(number: int) -> int:
        try:
            return int(sign_in(Client(), "viewer", "guess").status_code)
        finally:
            connection.close()

    monkeypatch.setattr(sessions, "_refused", look_together)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(guess, range(4))) == [429] * 4
    assert told("session:refuse") == [("portal", "viewer", "192.0.2.77")]
    assert verify().problem == ""


def test_a_part_of_a_page_is_not_replaced_by_the_page_for_signing_in(world: World) -> None:
    """What htmx asks for meanwhile: the whole page goes there, and comes back to where it was."""
    for where in ("/", f"/requests/{world.draft.pk}/", "/history/?kind=plan&text=a+b"):
        answer = Client().get(where, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        assert answer["HX-Redirect"] == f"{reverse('login')}?{urlencode({'next': where}, safe='/')}"
        assert answer.content == b""
        assert Client().get(where).status_code == 302


def test_a_part_that_may_not_be_seen_any_more_has_the_page_loaded_again(world: World) -> None:
    answer = world.client("nobody").get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (403, "true")
    assert "HX-Refresh" not in world.client("nobody").get("/")


def test_a_refused_page_and_a_refused_act(world: World) -> None:
    client = world.client("viewer")
    client.get(reverse("replica_request"))
    plan = world.waiting
    client.post(reverse("approve", args=[plan.pk]), {"digest": plan.digest, "reason": "let me"})
    own = world.client("operator")
    own.post(reverse("approve", args=[plan.pk]), {"digest": plan.digest, "reason": "let me"})
    assert [(actor, label) for actor, label, _ in told("access:refuse")] == [
        ("viewer", "GET /replicas/request/"),
        ("viewer", f"POST /plans/{plan.pk}/approve/"),
        ("operator", f"POST /plans/{plan.pk}/approve/"),
    ]


def test_what_a_service_refuses_is_told_too(world: World) -> None:
    """An own request of somebody who asks and approves: the page lets him in, the service does not."""
    replica = w.request(world.master, "own.example.com", world.people["both"], ReplicaState.REQUESTED)
    plan = w.plan_of(replica, PlanState.WAITING)
    world.client("both").post(reverse("approve", args=[plan.pk]), {"digest": plan.digest, "reason": "me"})
    (event,) = AuditEvent.objects.filter(verb="access:refuse")
    assert (event.actor, event.label) == ("both", f"POST /plans/{plan.pk}/approve/")


def test_every_request_has_a_name_that_the_history_keeps(world: World) -> None:
    client = world.client("viewer")
    answer = client.get(reverse("replica_request"))
    assert AuditEvent.objects.get(verb="access:refuse").request_id == answer["X-Request-ID"]
    assert client.get("/", headers={"X-Request-ID": "from-the-proxy-1"})["X-Request-ID"] == "from-the-proxy-1"
    for bad in ("short", "x" * 65, "with space and more", "ünïcödé-name"):
        assert client.get("/", headers={"X-Request-ID": bad})["X-Request-ID"] != bad

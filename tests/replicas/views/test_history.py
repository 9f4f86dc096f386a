"""The history's filters and pages."""

from __future__ import annotations

from django.urls import reverse

from replicas.views import history
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World


def labels(world: World, **query: str) -> list[str]:
    page = world.client("viewer").get(reverse("history"), query)
    return [event.label for event in page.context["events"]]


def test_it_filters(world: World) -> None:
    w.event("approver", "plan:reject", "plan", 7, "one", reason="no such site")
    w.event("operator", "run:retry", "run", 8, "two", before={"attempt": 1}, after={"attempt": 2})
    assert labels(world, actor="approver") == ["one"]
    assert labels(world, kind="run") == ["two"]
    assert labels(world, text="SUCH SITE") == ["one"]
    assert labels(world, kind="run", object_id="8") == ["two"]


def test_pages_by_key_hold_every_event_once(world: World) -> None:
    for number in range(history.EVENTS_A_PAGE + 3):
        w.event("portal", "run:start", "run", number, f"run {number}")
    client, where, seen = world.client("viewer"), reverse("history") + "?actor=portal", []
    while where:
        page = client.get(where)
        seen += [event.label for event in page.context["events"]]
        where = page.context["older"] and reverse("history") + page.context["older"]
    assert seen == [f"run {number}" for number in reversed(range(history.EVENTS_A_PAGE + 3))]

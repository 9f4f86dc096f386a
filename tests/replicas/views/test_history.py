"""The history's filters and pages."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from replicas.templatetags.history_tags import VERBS, changes
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
    assert labels(world, text="plan rejected") == ["one"]
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


def test_only_what_changed_is_told_and_long_values_open(world: World) -> None:
    before = {"state": "waiting", "steps": ["Adding DNS records"], "ca": True, "error": ""}
    after = {"state": "approved", "steps": ["Adding DNS records"] * 17, "ca": True, "error": None}
    state, steps = changes(w.event("approver", "plan:approve", "plan", 7, "one", before=before, after=after))
    assert (state.name, state.before.text, state.after.text) == ("state", "waiting", "approved")
    assert (steps.after.text, len(steps.after.parts)) == ("17 steps", 17)


def test_values_are_words_not_code(world: World) -> None:
    after = {"ca": True, "versions": {"bind9": "9.18"}, "verified_at": "2024-05-06T07:08:09.123456+00:00"}
    found = changes(w.event("portal", "replica:change", "replica", 1, "one", after=after))
    assert [change.after.text for change in found] == ["yes", "bind9: 9.18", "2024-05-06 07:08:09"]


def test_every_verb_has_a_name() -> None:
    sources = (settings.BASE_DIR / "replicas").rglob("*.py")
    kinds = "bundle|credential|hostkey|master|plan|replica|run|user"
    written = {verb for source in sources for verb in re.findall(rf'"((?:{kinds}):[a-z]+)"', Path(source).read_text())}
    assert written <= set(VERBS)


def test_an_empty_history_says_why(world: World) -> None:
    client, where = world.client("viewer"), reverse("history")
    assert b"No event matches the filter." in client.get(where, {"actor": "stranger"}).content

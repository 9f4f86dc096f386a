"""The history's filters and pages."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings as now
from django.urls import reverse

from replicas.filters import KINDS
from replicas.models import AuditCheck, AuditEvent
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
    assert labels(world, label="TW") == ["two"]
    assert labels(world, kind="run", actor="approver") == []


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
    sources = (now.BASE_DIR / "replicas").rglob("*.py")
    kinds = "access|bundle|credential|history|hostkey|master|plan|replica|run|session|user|webhook"
    written = {verb for source in sources for verb in re.findall(rf'"((?:{kinds}):[a-z]+)"', Path(source).read_text())}
    assert written <= set(VERBS)


def test_an_empty_history_says_why(world: World) -> None:
    client, where = world.client("viewer"), reverse("history")
    assert b"No event matches the filter." in client.get(where, {"actor": "stranger"}).content


def test_a_rare_word_is_looked_for_piece_by_piece(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(history, "WINDOW", 20)
    w.event("portal", "run:start", "run", 1, "the needle")
    for number in range(50):
        w.event("portal", "run:start", "run", number, f"run {number}")
    client, where, looks = world.client("viewer"), reverse("history") + "?text=needle", 0
    while True:
        page = client.get(where)
        looks += 1
        if page.context["events"] or not page.context["older"]:
            break
        assert "Looked through back to" in page.content.decode()
        where = reverse("history") + page.context["older"]
    assert [event.label for event in page.context["events"]] == ["the needle"]
    assert looks == 3


def test_days_are_the_readers(world: World) -> None:
    client = world.client("viewer")
    client.cookies["timezone"] = "Asia/Tokyo"
    moment = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)  # the second of March in Tokyo
    w.event("portal", "run:start", "run", 1, "in the night", at=moment)

    def seen(**query: str) -> list[str]:
        return [event.label for event in client.get(reverse("history"), query).context["events"]]

    assert seen(since="2026-03-02", until="2026-03-02") == ["in the night"]
    assert seen(until="2026-03-01") == []
    assert "in the night" not in seen(since="2026-03-03")
    assert seen(since="the day before yesterday") == []


def test_a_replicas_life_has_its_plans_runs_and_bundles(world: World) -> None:
    replica, run = world.failed.plan.replica, world.failed
    w.event("operator", "replica:request", "replica", replica.pk, str(replica), after={"hostname": str(replica)})
    w.event("approver", "plan:approve", "plan", run.plan_id, "its plan", reason="needed")
    w.event("portal", "run:fail", "run", run.pk, "its run", before={"state": "running"}, after={"state": "failed"})
    w.event("portal", "bundle:seal", "bundle", run.bundles.get().pk, "its bundle")
    w.event("portal", "run:fail", "run", world.running.pk, "another run")
    page = world.client("viewer").get(reverse("timeline", args=["replica", replica.pk]))
    assert [event.label for event in page.context["events"]] == [str(replica), "its plan", "its run", "its bundle"]
    assert re.search(r"<td>\s*<span class=\"mono\">running</span>\s*</td>", page.content.decode())
    assert world.client("viewer").get(reverse("timeline", args=["replica", 4711])).status_code == 404
    assert world.client("viewer").get(reverse("timeline", args=["colour", replica.pk])).status_code == 404


def test_a_long_life_has_pages(world: World) -> None:
    for number in range(history.EVENTS_A_PAGE + 2):
        w.event("portal", "master:register", "master", 7, f"event {number}")
    client, where, seen = world.client("viewer"), reverse("timeline", args=["master", 7]), []
    page = client.get(where)
    seen += [event.label for event in page.context["events"]]
    page = client.get(where + page.context["later"])
    seen += [event.label for event in page.context["events"]]
    assert seen == [f"event {number}" for number in range(history.EVENTS_A_PAGE + 2)]


def exported(world: World, form: str, **query: str) -> str:
    answer: Any = world.client("viewer").get(reverse("history_export", args=[form]), query)
    assert answer["Content-Disposition"] == f'attachment; filename="history.{form}"'

    async def collect() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(collect)().decode()


def test_exports_hold_what_the_filters_let_through_and_are_told_of(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(history, "EXPORTED_AT_ONCE", 3)
    for number in range(8):
        w.event("portal", "run:start", "run", number, f"run {number}", after={"n": number, "w": "größer"})
    w.event("mallory", "plan:reject", "plan", 3, "=cmd|' /C calc'!A0", reason='+1\n,"x"')
    rows = list(csv.DictReader(io.StringIO(exported(world, "csv", actor="portal"))))
    assert [row["label"] for row in rows] == [f"run {number}" for number in range(8)]
    assert json.loads(rows[3]["after"]) == {"n": 3, "w": "größer"}
    (row,) = csv.DictReader(io.StringIO(exported(world, "csv", actor="mallory")))
    assert (row["label"], row["reason"]) == ("'=cmd|' /C calc'!A0", '\'+1\n,"x"')
    events = [json.loads(line) for line in exported(world, "jsonl").splitlines()]
    assert len(events) == AuditEvent.objects.count()
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    assert set(events[0]) == set(history.COLUMNS)
    told = AuditEvent.objects.filter(verb="history:export").order_by("pk")
    assert [event.after for event in told] == [
        {"form": "csv", "filters": {"actor": "portal"}},
        {"form": "csv", "filters": {"actor": "mallory"}},
        {"form": "jsonl", "filters": {}},
    ]
    assert world.client("viewer").get(reverse("history_export", args=["exe"])).status_code == 404


def test_the_page_tells_when_it_was_verified(world: World) -> None:
    client, where = world.client("viewer"), reverse("history")
    assert "was not verified yet" in client.get(where).content.decode()
    AuditCheck.objects.create(by="manage.py verify_audit", events=3, checkpoints=1, seconds=0.1)
    assert "each following the one before" in client.get(where).content.decode()
    AuditCheck.objects.create(by="portal", events=3, checkpoints=0, seconds=0, event=4, problem="Event 4 was changed.")
    assert "Event 4 was changed." in client.get(where).content.decode()


def test_an_auditor_has_it_verified(world: World, monkeypatch: Any, django_capture_on_commit_callbacks: Any) -> None:
    asked: list[str] = []
    monkeypatch.setattr("replicas.actions.history.verify_history", asked.append)
    with django_capture_on_commit_callbacks(execute=True):
        answer = world.client("viewer").post(reverse("history_verify"), follow=True)
    assert "being verified" in answer.content.decode()
    assert asked == ["viewer"]
    assert AuditEvent.objects.filter(verb="history:verify", actor="viewer").count() == 1


def test_every_kind_of_object_has_a_timeline(world: World) -> None:
    w.event("operator", "policy:set", "approvalpolicy", 7, "EXAMPLE.COM")
    w.event("operator", "credential:set", "plancredential", 8, "admin")
    for kind, key in (("approvalpolicy", 7), ("plancredential", 8)):
        assert world.client("viewer").get(reverse("timeline", args=[kind, key])).status_code == 200
        assert kind in dict(KINDS)

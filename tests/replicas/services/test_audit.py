"""The history: appended only, chained, signed, and telling when somebody went around that."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as now
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from replicas import audit, requestid
from replicas.audit import chain, checkpoints, checks
from replicas.models import AuditCheck, AuditEvent, AuditHead, Master
from replicas.permissions import Actor
from tests import database
from tests.replicas.views import world


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> None:
    settings.CHECKPOINTS_FILE = tmp_path / "checkpoints.jsonl"
    settings.CHECKPOINT_KEY_FILE = tmp_path / "checkpoint-key.pem"


@pytest.fixture
def events(master: Master) -> list[AuditEvent]:
    return add(master, 5)


def add(master: Master, number: int) -> list[AuditEvent]:
    return [audit.record(Actor.system(), "run:start", master, after={"n": n, "w": "größer"}) for n in range(number)]


def forge(statement: str, *values: str | int) -> None:
    """What the owner of the database can do."""
    with database.unguarded(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def rewrite(first: AuditEvent, **changes: Any) -> None:
    """What a clever owner does: change one event, and compute the chain anew from there to the end."""
    previous = first.previous
    for event in AuditEvent.objects.filter(pk__gte=first.pk).order_by("pk"):
        for name, value in changes.items() if event.pk == first.pk else ():
            setattr(event, name, value)
        event.previous = previous
        previous = audit.digest(event)
        forge(
            "UPDATE replicas_auditevent SET actor = %s, previous = %s, digest = %s WHERE id = %s",
            event.actor, event.previous, previous, event.pk,
        )  # fmt: skip
    AuditHead.objects.update(digest=previous)


def test_an_untouched_chain_verifies(events: list[AuditEvent]) -> None:
    checkpoints.write()
    found = chain.verify(checkpoints.own())
    assert (found.problem, found.events, found.checkpoints) == ("", 5, 1)


@pytest.mark.parametrize(
    "what",
    [
        {"reason": "größer"},
        {"reason": "tab\there,\nlines\r\n\vand \\N \\. \\\\ backslashes\b\f"},
        {"after": {"z": 1, "a": [1.5, None, True, '\u2028 \x7f 𝄞 \\ "'], "n": 10**15}},
        {"before": ""},
    ],
)
def test_whatever_an_event_says_it_verifies(events: list[AuditEvent], master: Master, what: dict[str, Any]) -> None:
    audit.record(Actor.system(), "run:start", master, **what)
    assert chain.verify().problem == ""


def test_times_of_any_precision_verify(events: list[AuditEvent], master: Master, monkeypatch: Any) -> None:
    for micros in (0, 1000, 500_000, 123_456):
        moment = timezone.now().replace(microsecond=micros)
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        audit.record(Actor.system(), "run:start", master)
    assert chain.verify().problem == ""


def test_events_from_before_there_were_request_ids_verify(events: list[AuditEvent], master: Master) -> None:
    token = requestid.current.set("0123456789abcdef")
    audit.record(Actor.system(), "run:start", master)
    requestid.current.reset(token)
    assert list(AuditEvent.objects.order_by("pk").values_list("request_id", flat=True)) == [None] * 5 + [
        "0123456789abcdef"
    ]
    assert chain.verify().problem == ""
    forge("UPDATE replicas_auditevent SET request_id = 'another' WHERE id = %s", events[4].pk + 1)
    assert chain.verify().event == events[4].pk + 1


def test_the_database_refuses_changes(events: list[AuditEvent]) -> None:
    for statement in ("UPDATE replicas_auditevent SET actor = 'x'", "DELETE FROM replicas_auditevent"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(TypeError):
        events[0].save()
    with pytest.raises(TypeError):
        events[0].delete()


@pytest.mark.parametrize("field", ["actor", "verb", "kind", "label", "reason", "address", "object_id", "at"])
def test_an_edited_event_is_found(events: list[AuditEvent], field: str) -> None:
    value = "2020-01-01 00:00:00" if field == "at" else "somebody else"
    forge(f"UPDATE replicas_auditevent SET {field} = %s WHERE id = %s", value, events[2].pk)  # noqa: S608
    found = chain.verify()
    assert found.event == events[2].pk
    assert "was changed" in found.problem


@pytest.mark.parametrize("field", ["before", "after"])
def test_edited_values_are_found(events: list[AuditEvent], field: str) -> None:
    forge(f"UPDATE replicas_auditevent SET {field} = %s WHERE id = %s", '{"n": 7}', events[3].pk)  # noqa: S608
    assert chain.verify().event == events[3].pk


@pytest.mark.parametrize("place", [0, 2])
def test_a_deleted_event_is_found(events: list[AuditEvent], place: int) -> None:
    forge("DELETE FROM replicas_auditevent WHERE id = %s", events[place].pk)
    found = chain.verify()
    assert found.event == events[place + 1].pk
    assert "does not follow" in found.problem


def test_two_events_in_another_order_are_found(events: list[AuditEvent]) -> None:
    forge("UPDATE replicas_auditevent SET id = 1000000 WHERE id = %s", events[1].pk)
    assert chain.verify().event == events[2].pk


def test_an_inserted_event_is_found(events: list[AuditEvent]) -> None:
    forge("UPDATE replicas_auditevent SET id = id + 1000000 WHERE id > %s", events[2].pk)
    false = audit.record(Actor.system(), "run:start", Master.objects.get())
    forge("UPDATE replicas_auditevent SET id = %s, previous = %s WHERE id = %s", events[2].pk + 1, "0" * 64, false.pk)
    assert chain.verify().event == events[2].pk + 1


@pytest.mark.parametrize("kept", [0, 3])
def test_a_history_that_was_cut_short_is_found(events: list[AuditEvent], kept: int) -> None:
    forge("DELETE FROM replicas_auditevent WHERE id >= %s", events[kept].pk)
    found = chain.verify()
    assert "cut short" in found.problem
    assert str(events[4].pk) in found.problem
    assert found.event == (events[kept - 1].pk + 1 if kept else 1)


def test_the_record_of_the_end_does_not_vanish_unseen(events: list[AuditEvent]) -> None:
    AuditHead.objects.all().delete()
    assert "end is gone" in chain.verify().problem


def test_checkpoints_find_a_chain_that_was_written_anew(events: list[AuditEvent], master: Master) -> None:
    checkpoints.write()
    later = add(master, 3)
    checkpoints.write()
    rewrite(later[0], actor="somebody else")
    assert chain.verify().problem == "", "in itself it is in order"
    found = chain.verify(checkpoints.own())
    assert found.event == later[2].pk
    assert f"written anew, or cut short, somewhere after event {events[4].pk}" in found.problem


def test_checkpoints_find_a_history_whose_end_was_cut_off_with_its_record(
    events: list[AuditEvent], master: Master
) -> None:
    checkpoints.write()
    forge("DELETE FROM replicas_auditevent WHERE id > %s", events[2].pk)
    AuditHead.objects.update(last_id=events[2].pk, digest=events[2].digest, events=3)
    assert chain.verify().problem == ""
    assert chain.verify(checkpoints.own()).event == events[3].pk


def test_a_checkpoint_is_written_when_there_is_something_new(events: list[AuditEvent], master: Master) -> None:
    assert checkpoints.write() is not None
    assert checkpoints.write() is None
    add(master, 1)
    assert checkpoints.write() is not None
    assert [mark.events for mark in checkpoints.own()] == [5, 6]
    assert now.CHECKPOINTS_FILE.stat().st_mode & 0o777 == 0o600
    assert now.CHECKPOINT_KEY_FILE.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change", [{"events": 4}, {"digest": "0" * 64}, {"event": 1}, {"key": "ff"}, {"signature": ""}]
)
def test_a_forged_checkpoint_is_found(events: list[AuditEvent], change: dict[str, Any]) -> None:
    checkpoints.write()
    line = json.loads(now.CHECKPOINTS_FILE.read_text())
    now.CHECKPOINTS_FILE.write_text(json.dumps(line | change) + "\n")
    check = checks.verify("test")
    assert check.problem == f"Line 1 of {now.CHECKPOINTS_FILE} was not signed with a known key."


def test_checkpoints_reach_syslog(events: list[AuditEvent], settings: Settings, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "log"))
        settings.AUDIT_SYSLOG = str(tmp_path / "log")
        checkpoints.write()
        log.settimeout(5)
        said = log.recv(4096).decode()
    assert "replica-portal checkpoint" in said
    assert json.loads(said[said.index("{") : said.rindex("}") + 1]) == json.loads(now.CHECKPOINTS_FILE.read_text())


def test_a_syslog_that_is_away_stops_nothing(events: list[AuditEvent], settings: Settings, tmp_path: Path) -> None:
    settings.AUDIT_SYSLOG = str(tmp_path / "nobody")
    assert checkpoints.write() is not None


def test_the_command_tells_and_keeps_what_it_found(events: list[AuditEvent]) -> None:
    checkpoints.write()
    said = StringIO()
    call_command("verify_audit", stdout=said)
    assert said.getvalue().startswith("5 events, each following the one before; 1 checkpoints agree (")
    forge("UPDATE replicas_auditevent SET actor = 'x' WHERE id = %s", events[1].pk)
    with pytest.raises(CommandError, match=f"Event {events[1].pk} was changed"):
        call_command("verify_audit")
    newest, first = AuditCheck.objects.all()
    assert (newest.event, first.event, first.events) == (events[1].pk, None, 5)


def test_somebody_else_verifies_with_copies_and_the_public_key(
    events: list[AuditEvent], settings: Settings, tmp_path: Path
) -> None:
    checkpoints.write()
    said = StringIO()
    call_command("verify_audit", "--show-key", stdout=said)
    (tmp_path / "public.pem").write_text(said.getvalue())
    copy = tmp_path / "copy.jsonl"
    copy.write_text(now.CHECKPOINTS_FILE.read_text())
    settings.CHECKPOINT_KEY_FILE = tmp_path / "of-another-machine.pem"
    arguments = ["verify_audit", "--checkpoints", str(copy)]
    with pytest.raises(CommandError, match="not signed with a known key"):
        call_command(*arguments)
    call_command(*arguments, "--public-key", str(tmp_path / "public.pem"), stdout=said)
    assert "1 checkpoints agree" in said.getvalue()
    with pytest.raises(CommandError, match="holds no public Ed25519 key"):
        call_command(*arguments, "--public-key", str(copy))
    with pytest.raises(CommandError, match="nowhere cannot be read"):
        call_command("verify_audit", "--checkpoints", str(tmp_path / "nowhere"))


def test_it_is_overdue_until_somebody_verifies(events: list[AuditEvent]) -> None:
    assert checks.overdue()
    checks.verify("test")
    assert not checks.overdue()


def test_the_notary_signs_at_once_and_then_after_its_time(events: list[AuditEvent], master: Master) -> None:
    notary = checks.Notary()
    notary.look()
    add(master, 1)
    notary.look()
    assert [mark.events for mark in checkpoints.own()] == [5]
    checks.Notary().look()
    assert [mark.events for mark in checkpoints.own()] == [5, 6]


def test_an_unknown_verb_is_refused(master: Master) -> None:
    with pytest.raises(ValueError, match="not a registered verb"):
        audit.record(Actor.system(), "run:dance", master)


@pytest.mark.django_db(transaction=True)
def test_it_belongs_into_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        audit.record(Actor.system(), "run:start", Master(hostname="a.example.com"))


@pytest.mark.django_db(transaction=True)
def test_many_at_once_write_one_chain() -> None:
    """Each with a change of its own, from connections of their own."""

    def decide(number: int) -> None:
        try:
            for _ in range(10):
                with transaction.atomic():
                    master = Master.objects.get()
                    audit.record(Actor.system(), "run:start", master, after={"n": number})
                    Master.objects.filter(pk=master.pk).update(ssh_port=number)
        finally:
            connection.close()

    world.realm_with_master()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(decide, range(1, 7)))
    assert AuditEvent.objects.count() == 60
    found = chain.verify()
    assert (found.problem, found.events) == ("", 60)
    times = list(AuditEvent.objects.order_by("pk").values_list("at", flat=True))
    assert times == sorted(times)

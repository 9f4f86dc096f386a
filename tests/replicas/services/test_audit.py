"""The history: appended only, chained, and telling when somebody went around that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction

from replicas import audit
from replicas.models import AuditEvent, Master
from replicas.permissions import Actor
from tests import database
from tests.replicas.views import world


@pytest.fixture
def events(master: Master) -> list[AuditEvent]:
    return [audit.record(Actor.system(), "run:start", master, after={"n": n}) for n in range(5)]


def forge(statement: str, *values: str | int) -> None:
    """What the owner of the database can do."""
    with database.unguarded(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_an_untouched_chain_verifies(events: list[AuditEvent]) -> None:
    assert audit.verify() is None


def test_the_database_refuses_changes(events: list[AuditEvent]) -> None:
    for statement in ("UPDATE replicas_auditevent SET actor = 'x'", "DELETE FROM replicas_auditevent"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(TypeError):
        events[0].save()
    with pytest.raises(TypeError):
        events[0].delete()


@pytest.mark.parametrize("field", ["actor", "verb", "label", "reason", "address", "object_id", "at"])
def test_an_edited_event_is_found(events: list[AuditEvent], field: str) -> None:
    value = "2020-01-01 00:00:00" if field == "at" else "somebody else"
    forge(f"UPDATE replicas_auditevent SET {field} = %s WHERE id = %s", value, events[2].pk)  # noqa: S608
    found = audit.verify()
    assert found is not None
    assert found.pk == events[2].pk


def test_a_deleted_event_is_found(events: list[AuditEvent]) -> None:
    forge("DELETE FROM replicas_auditevent WHERE id = %s", events[2].pk)
    assert audit.verify() == events[3]


def test_two_events_in_another_order_are_found(events: list[AuditEvent]) -> None:
    forge("UPDATE replicas_auditevent SET id = 1000 WHERE id = %s", events[1].pk)
    assert audit.verify() == events[2]


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
    assert audit.verify() is None

"""People who are made and changed by manage.py are in the history, or are not made."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from replicas import audit
from replicas.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_a_superuser_that_is_made_is_in_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    call_command("createsuperuser", username="root", email="root@example.com", interactive=False, verbosity=0)
    event = AuditEvent.objects.get()
    user = User.objects.get()
    assert (event.actor, event.verb, event.object_id, event.label) == ("portal", "user:add", str(user.pk), "root")
    assert event.after == {"roles": [], "active": True, "superuser": True, "email": "root@example.com"}
    assert "Command line, by " in event.reason
    User.objects.create_user("later")
    assert AuditEvent.objects.count() == 1


def test_a_password_that_is_changed_is_in_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.create_user("alice", password="as it was before")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "correct horse battery")
    call_command("changepassword", "alice")
    user.refresh_from_db()
    assert user.check_password("correct horse battery")
    event = AuditEvent.objects.get()
    assert (event.verb, event.label) == ("user:change", "alice")
    assert isinstance(event.after, dict)
    assert event.after["changed"] == "password"
    assert "horse" not in str(event.after)


def test_without_an_event_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.create_user("alice", password="as it was before")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "correct horse battery")

    def fail(*args: Any, **options: Any) -> None:
        raise RuntimeError("the history is away")

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(RuntimeError):
        call_command("changepassword", "alice")
    user.refresh_from_db()
    assert user.check_password("as it was before")

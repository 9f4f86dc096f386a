"""Many plans are checked at once, some at a time, and what becomes of one is no matter of the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from pytest_django import Settings

from replicas.actions.password_attempts import tried
from replicas.backends import registry
from replicas.errors import HostUnreachable, PortalError, WrongPassword
from replicas.lifecycle import credentials, looking, preflight
from replicas.lifecycle.base import Context, Finding, Health
from replicas.lifecycle.rejections import noting
from replicas.lifecycle.wrong_passwords import MOST_WRONG, MOST_WRONG_OF_CHECKS, WITHIN, refusals
from replicas.models import AuditEvent, Draft, PasswordAttempt, Realm, RealmLook
from replicas.permissions import Actor
from tests.replicas.lifecycle.twin import TwinBackend
from tests.replicas.views import world as w

ROWS = 2 * preflight.AT_ONCE + 1


class Busy(TwinBackend):
    """Takes a moment for each, is defeated by the third and the fourth host, and counts who is there at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def preflight(self, ctx: Context) -> list[Finding]:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        if ctx.job.replica.hostname == "row2.example.com":
            raise HostUnreachable("row2.example.com does not answer.", "Is the host up?")
        if ctx.job.replica.hostname == "row3.example.com":
            raise ZeroDivisionError
        return [Finding("blank", "ok", f"{ctx.job.replica.hostname} is blank.")]


@pytest.mark.django_db
def test_each_row_gets_its_own_findings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    backend = Busy()
    monkeypatch.setattr(registry, "get", lambda name: backend)
    monkeypatch.setattr(credentials, "of_draft", lambda draft: {})
    table = w.table_of(w.realm_with_master(), w.cast()["operator"], ROWS)
    Draft.objects.update(checked_at=None, findings=None)
    preflight.check_all(Draft.objects.filter(table=table))
    rows = list(Draft.objects.order_by("pk"))
    assert all(row.checked_at for row in rows)
    told = [[finding["message"] for finding in row.findings or ()] for row in rows]
    assert told[2] == ["row2.example.com does not answer."]
    assert told[3] == ["A defect of the portal ended the checks."]
    assert told[4:] == [[f"row{number}.example.com is blank."] for number in range(4, ROWS)]
    assert backend.most == preflight.AT_ONCE


class Guarded(TwinBackend):
    """Signs in with the password of admin for each check and each reading, and counts the wrong ones."""

    def __init__(self) -> None:
        self.wrong = 0

    async def preflight(self, ctx: Context) -> list[Finding]:
        return [await self._signed_in(ctx), await self._signed_in(ctx)]

    async def look(self, ctx: Context) -> Health:
        self._sign_in(ctx)
        return await super().look(ctx)

    async def _signed_in(self, ctx: Context) -> Finding:
        try:
            self._sign_in(ctx)
        except PortalError as error:
            return Finding("password", "error", error.message, error.remedy)
        return Finding("password", "ok", "accepted")

    def _sign_in(self, ctx: Context) -> None:
        with noting(ctx, "admin"):
            if ctx.secret("admin") != "right":
                self.wrong += 1
                raise WrongPassword("ipaserver.example.com does not accept the password.", "Enter it again.")


@pytest.fixture
def guarded(db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """The backend, and one table of requests in a realm whose stored password is wrong."""
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    backend = Guarded()
    monkeypatch.setattr(registry, "get", lambda name: backend)
    monkeypatch.setattr(credentials, "of_draft", lambda draft: {"admin": "wrong"})
    monkeypatch.setattr(credentials, "of_realm", lambda realm, name: {"admin": "wrong"})
    monkeypatch.setattr(looking, "PAUSE_SECONDS", 0)
    w.table_of(w.realm_with_master(), w.cast()["operator"], ROWS)
    return backend


def messages() -> list[str]:
    return [finding["message"] for draft in Draft.objects.order_by("pk") for finding in draft.findings or ()]


def test_a_stored_password_that_is_wrong_is_tried_a_few_times_and_then_no_more(guarded: Guarded) -> None:
    draft = Draft.objects.earliest("pk")
    for _ in range(MOST_WRONG_OF_CHECKS + 3):
        preflight.check(draft)
    assert guarded.wrong == MOST_WRONG_OF_CHECKS
    assert AuditEvent.objects.filter(verb="credential:fail", label="admin of EXAMPLE.COM").count() == guarded.wrong
    draft.refresh_from_db()
    told = draft.findings or []
    assert "does not try it again until" in told[0]["message"]
    assert "Set passwords" in told[0]["remedy"]
    PasswordAttempt.objects.update(at=F("at") - WITHIN)
    preflight.check(draft)
    assert guarded.wrong == MOST_WRONG_OF_CHECKS + 1


def test_a_whole_table_tries_it_as_rarely(guarded: Guarded) -> None:
    preflight.check_all(Draft.objects.all())
    assert guarded.wrong == MOST_WRONG_OF_CHECKS
    assert len(messages()) == 2 * ROWS


def test_so_do_health_checks(guarded: Guarded) -> None:
    realm = Realm.objects.get()
    for _ in range(MOST_WRONG_OF_CHECKS + 1):
        assert looking.claim(realm, -1)
        looking.look(realm)
    assert guarded.wrong == MOST_WRONG_OF_CHECKS
    assert "does not try it again until" in RealmLook.objects.get().error


def test_a_password_that_was_given_for_the_request_counts_as_a_guess(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "names_given", lambda row: frozenset({"admin"}))
    draft = Draft.objects.earliest("pk")
    for _ in range(MOST_WRONG + 2):
        preflight.check(draft)
    assert guarded.wrong == MOST_WRONG
    assert set(PasswordAttempt.objects.values_list("user", flat=True)) == {"operator"}
    assert "Discard the request" in Draft.objects.get(pk=draft.pk).findings[0]["remedy"]  # type: ignore[index]
    assert refusals("EXAMPLE.COM", stored=("admin",)) == {}


def test_a_stored_password_that_is_right_does_not_forgive_guesses(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong() -> None:
        raise WrongPassword("no")

    operator = Actor(User.objects.get(username="operator"))
    for _ in range(MOST_WRONG - 1):
        with pytest.raises(WrongPassword):
            tried(operator, "EXAMPLE.COM", "admin", wrong)
    monkeypatch.setattr(credentials, "of_draft", lambda draft: {"admin": "right"})
    preflight.check(Draft.objects.earliest("pk"))
    assert PasswordAttempt.objects.count() == MOST_WRONG - 1


def test_a_person_can_enter_the_right_one_after_checks_failed(guarded: Guarded) -> None:
    draft = Draft.objects.earliest("pk")
    for _ in range(MOST_WRONG_OF_CHECKS + 1):
        preflight.check(draft)
    operator = Actor(User.objects.get(username="operator"))
    assert tried(operator, "EXAMPLE.COM", "admin", lambda: "accepted") == "accepted"
    preflight.check(draft)
    assert guarded.wrong == MOST_WRONG_OF_CHECKS + 1

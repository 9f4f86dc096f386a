"""A plan is looked at before it is submitted, and is submitted only as it was shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django import Settings

from replicas.actions import drafts, submit
from replicas.actions.drafts import Outdated
from replicas.clients import ssh
from replicas.errors import Conflict, NotAllowed
from replicas.lifecycle import credentials, sweeper
from replicas.models import ApprovalPolicy, AuditEvent, Draft, HostKey, Plan, Realm, Replica
from tests.replicas.services.conftest import KEY, Cast

pytestmark = pytest.mark.usefixtures("twin")
FORM = "hostname=ipareplica.example.com&directory_manager=canary-manager"
FULL = {"check": "resources", "level": "error", "message": "Only 3 MiB are free.", "remedy": "Free space."}
GOOD = {"check": "hosts", "level": "ok", "message": "There they are.", "remedy": ""}
OTHER = KEY[:-4] + "AAAA"
FINGERPRINT = ssh.fingerprint(KEY)


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"


@pytest.fixture
def freeze(cast: Cast, wanted: Callable[..., Replica]) -> Callable[..., Plan]:
    """What submits the request, with the key that the host presents."""

    def store(key: str = KEY, **options: Any) -> Plan:
        return submit.store(cast.operator, wanted(**options), key)

    return store


@pytest.fixture
def draft(cast: Cast, freeze: Callable[..., Plan]) -> Draft:
    return drafts.draw(cast.operator, "request", FORM, freeze)


def found(draft: Draft, *findings: dict[str, str]) -> None:
    """As the worker stores it."""
    Draft.objects.filter(pk=draft.pk).update(findings=list(findings), checked_at=timezone.now())


def test_nothing_is_stored_but_the_draft(draft: Draft) -> None:
    assert draft.action == "install"
    assert [step["title"] for step in draft.steps][0] == "Preparing"
    assert draft.frozen_job().replica.host_key == KEY
    for model in (Plan, Replica, AuditEvent):
        assert not model._default_manager.exists(), model
    assert not HostKey.objects.filter(hostname="ipareplica.example.com").exists()


def test_what_was_typed_is_sealed(draft: Draft) -> None:
    stored = Draft.objects.values().get()
    assert "canary" not in str(stored)
    assert b"canary" not in bytes(stored["ciphertext"])
    assert Draft.objects.get().disclose() == FORM


def test_it_is_submitted_as_it_was_shown(cast: Cast, draft: Draft, freeze: Callable[..., Plan]) -> None:
    found(draft, GOOD)
    plan = drafts.submit(cast.operator, draft, freeze, fingerprint=FINGERPRINT)
    plan.refresh_from_db()
    assert (plan.digest, plan.steps) == (draft.digest, draft.steps)
    assert (plan.findings, plan.submitted_despite) == ([GOOD], None)
    assert not Draft.objects.exists()
    assert AuditEvent.objects.filter(verb="plan:submit").count() == 1
    assert not AuditEvent.objects.filter(verb="plan:insist").exists()


@pytest.mark.parametrize("checked", [True, False])
def test_a_check_that_failed_needs_a_reason(
    cast: Cast, draft: Draft, freeze: Callable[..., Plan], checked: bool
) -> None:
    if checked:
        found(draft, GOOD, FULL)
    with pytest.raises(ValidationError) as refused:
        drafts.submit(cast.operator, draft, freeze, "  ", fingerprint=FINGERPRINT)
    assert "despite" in refused.value.message_dict
    assert not Plan.objects.exists()
    plan = drafts.submit(cast.operator, draft, freeze, "The disk is being enlarged", fingerprint=FINGERPRINT)
    assert plan.submitted_despite == "The disk is being enlarged"
    event = AuditEvent.objects.get(verb="plan:insist")
    assert event.reason == "The disk is being enlarged"
    assert event.after == {"failed": ["Only 3 MiB are free."] if checked else []}


def test_another_host_key_is_another_plan(cast: Cast, draft: Draft, freeze: Callable[..., Plan]) -> None:
    found(draft, GOOD)
    with pytest.raises(Outdated):
        drafts.submit(cast.operator, draft, lambda: freeze(OTHER), fingerprint=FINGERPRINT)
    assert not Plan.objects.exists()
    assert Draft.objects.exists()
    assert not HostKey.objects.filter(hostname="ipareplica.example.com").exists()


def test_another_policy_is_another_plan(cast: Cast, draft: Draft, freeze: Callable[..., Plan]) -> None:
    found(draft, GOOD)
    ApprovalPolicy.objects.create(realm=Realm.objects.get(), needed=2)
    with pytest.raises(Outdated):
        drafts.submit(cast.operator, draft, freeze, fingerprint=FINGERPRINT)


def test_it_is_submitted_once(cast: Cast, draft: Draft, freeze: Callable[..., Plan]) -> None:
    found(draft, GOOD)
    drafts.submit(cast.operator, draft, freeze, fingerprint=FINGERPRINT)
    with pytest.raises(Conflict, match="already"):
        drafts.submit(cast.operator, draft, lambda: freeze(hostname="another.example.com"), fingerprint=FINGERPRINT)
    assert Plan.objects.count() == 1


def test_it_is_nobody_elses(cast: Cast, draft: Draft, freeze: Callable[..., Plan]) -> None:
    found(draft, GOOD)
    with pytest.raises(Conflict):
        drafts.submit(cast.root, draft, freeze, fingerprint=FINGERPRINT)
    drafts.discard(cast.root, draft)
    assert Draft.objects.exists()
    with pytest.raises(NotAllowed):
        drafts.draw(cast.approver, "request", FORM, freeze)


def test_what_nobody_submits_goes(draft: Draft, settings: Settings) -> None:
    class Queue:
        def waiting(self) -> set[int]:
            return set()

        def execute(self, run_id: int) -> None: ...

        def deliver(self) -> None: ...

        def verify_history(self, by: str) -> None: ...

        def look(self, realm_id: int) -> None: ...

    assert sweeper.sweep(Queue()) == 0
    assert Draft.objects.exists()
    Draft.objects.update(created_at=timezone.now() - timedelta(hours=settings.DRAFT_HOURS, minutes=1))
    assert sweeper.sweep(Queue()) == 0
    assert not Draft.objects.exists()


def test_a_password_within_the_form_is_not_used_without_a_trace(draft: Draft) -> None:
    assert credentials.of_draft(draft) == {"directory_manager": "canary-manager"}
    event = AuditEvent.objects.get()
    assert (event.actor, event.verb, event.kind, event.after) == (
        "portal", "credential:use", "draft", {"name": "directory_manager"}
    )  # fmt: skip
    assert event.reason == "Checks before Install replica: ipareplica.example.com"

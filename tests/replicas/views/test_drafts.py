"""The page of a plan that is not submitted yet, and what the approver sees of it later."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from replicas.actions import host_keys
from replicas.choices import PlanState
from replicas.clients import ssh
from replicas.models import AuditEvent, Draft, Plan, Realm, Replica
from replicas.views.findings import PATIENCE_SECONDS
from tests.replicas.services.conftest import KEY
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World
from tests.replicas.views.test_replicas import ASKED


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: KEY)


def page(world: World, draft: Draft) -> str:
    return world.client("operator").get(reverse("draft", args=[draft.pk])).content.decode()


def ask(world: World, **changes: str) -> str:
    """The address of the draft."""
    given = ASKED | {"master": str(world.master.pk)} | changes
    return world.client("operator").post(reverse("replica_request"), given)["Location"]


def test_the_plan_is_shown_whole(world: World) -> None:
    where = ask(world)
    shown = world.client("operator").get(where).content.decode()
    assert "Exactly what will be done" in shown
    assert "new.example.com. 3600 IN A 192.0.2.30" in shown
    assert "/O=EXAMPLE.COM/CN=new.example.com" in shown
    assert "What cannot be undone" in shown
    assert not Replica.objects.filter(hostname="new.example.com").exists()


def test_while_the_hosts_are_looked_at_the_page_asks_again(world: World) -> None:
    draft = world.draft
    Draft.objects.update(checked_at=None, findings=None)
    shown = page(world, draft)
    assert 'hx-trigger="load delay:1s"' in shown
    assert "Submit for approval" not in shown
    Draft.objects.update(created_at=timezone.now() - timedelta(seconds=PATIENCE_SECONDS + 1))
    shown = page(world, draft)
    assert "hx-trigger" not in shown.split("<main")[1]
    assert "The hosts were not looked at." in shown
    assert "Why all the same" in shown


def test_findings_come_with_words_and_remedies_the_worst_first(world: World) -> None:
    shown = page(world, world.draft)
    places = [shown.index(text) for text in ("Something listens on port 389", "leaves DNSSEC", "the right one")]
    assert places == sorted(places)
    assert "Stop it." in shown
    assert "1 would fail" in shown


def test_one_cause_of_several_checks_is_one_line(world: World) -> None:
    """Every check of a host that is down fails in the same way."""
    draft = world.draft
    down = {"message": "new.example.com cannot be reached by SSH.", "remedy": "Check that the host is up."}
    levels = {"reverse": "warning", "hosts": "error", "ports": "error", "resources": "error"}
    Draft.objects.update(findings=[{"check": check, "level": level, **down} for check, level in levels.items()])
    shown = page(world, draft)
    assert shown.count(down["message"]) == 1
    assert "Hosts, Free ports, " in shown
    assert "1 would fail" in shown


def test_a_reason_is_asked_for_only_where_one_is_needed(world: World) -> None:
    assert "Why all the same" in page(world, world.draft)
    Draft.objects.all().delete()
    better = w.draft_of(world.verified, world.people["operator"], "warning")
    assert "Why all the same" not in page(world, better)
    assert "1 warning" in page(world, better)


def test_the_approver_sees_the_same_findings_and_the_reason(world: World) -> None:
    draft, client = world.draft, world.client("operator")
    answer = client.post(reverse("draft_submit", args=[draft.pk]), {"despite": ""})
    assert answer.status_code == 200
    assert "Say why it should be done all the same" in answer.content.decode()
    Draft.objects.all().delete()
    where = ask(world)
    Draft.objects.update(checked_at=timezone.now(), findings=w.FINDINGS)
    sent = {"despite": "It is switched off tonight", "fingerprint": ssh.fingerprint(KEY)}
    assert client.post(f"{where}submit/", sent).status_code == 302
    plan = Plan.objects.get(replica__hostname="new.example.com")
    shown = world.client("approver").get(reverse("plan", args=[plan.pk])).content.decode()
    for text in ("Something listens on port 389 already.", "It is switched off tonight", "1 would fail"):
        assert text in shown


def test_a_plan_that_changed_is_shown_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ask(world)
    Draft.objects.update(checked_at=timezone.now(), findings=[])
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: KEY[:-4] + "AAAA")
    client = world.client("operator")
    answer = client.post(f"{where}submit/", {}, follow=True)
    assert answer.redirect_chain[0][0] != where
    assert "Look at the new plan, and submit that." in answer.content.decode()
    assert not Plan.objects.filter(replica__hostname="new.example.com").exists()
    assert Draft.objects.get().frozen_job().replica.host_key.endswith("AAAA")


def test_a_request_that_is_not_allowed_any_more_leads_back_to_its_form(world: World) -> None:
    where = ask(world, setup_dns="on", forwarders="192.0.2.53")
    Draft.objects.update(checked_at=timezone.now(), findings=[])
    Realm.objects.update(dns=False)
    answer = world.client("operator").post(f"{where}submit/", {}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{reverse('replica_request')}?draft={Draft.objects.get().pk}"
    shown = answer.content.decode()
    assert "The request is not valid any more." in shown
    assert 'value="new.example.com"' in shown


def test_the_request_can_be_changed(world: World) -> None:
    where = ask(world, setup_dns="on", forwarders="192.0.2.53", directory_manager="canary-manager")
    shown = world.client("operator").get(where).content.decode()
    key = where.strip("/").split("/")[-1]
    assert f"{reverse('replica_request')}?draft={key}" in shown
    form = world.client("operator").get(f"{reverse('replica_request')}?draft={key}").content.decode()
    assert 'value="new.example.com"' in form
    assert "192.0.2.53" in form
    assert "canary" not in form
    theirs = world.client("both").get(f"{reverse('replica_request')}?draft={key}").content.decode()
    assert "new.example.com" not in theirs


def test_a_request_whose_key_is_gone_is_told_so_where_it_would_be_changed(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    key = ask(world).strip("/").split("/")[-1]
    settings.SECRET_KEYS_FILE = tmp_path / "others"
    answer = world.client("operator").get(f"{reverse('replica_request')}?draft={key}")
    assert answer.status_code == 200
    assert "is encrypted with, is not in" in answer.content.decode()


def test_discarding_leaves_nothing(world: World) -> None:
    where = ask(world)
    assert world.client("operator").post(f"{where}discard/").status_code == 302
    assert not Draft.objects.exists()
    assert world.client("operator").get(where).status_code == 404


def test_a_waiting_plan_can_be_looked_at_again(world: World) -> None:
    Plan.objects.filter(pk=world.waiting.pk).update(findings=w.FINDINGS, checked_at=timezone.now())
    assert world.waiting.state == PlanState.WAITING
    where = reverse("plan_check", args=[world.waiting.pk])
    assert world.client("approver").post(where).status_code == 302
    world.waiting.refresh_from_db()
    assert (world.waiting.findings, world.waiting.checked_at) == (None, None)
    assert AuditEvent.objects.get(verb="plan:check").actor == "approver"


def test_the_findings_of_a_decided_plan_stay(world: World) -> None:
    decided = {"findings": w.FINDINGS, "checked_at": timezone.now(), "state": PlanState.APPROVED}
    Plan.objects.filter(pk=world.waiting.pk).update(**decided)
    answer = world.client("approver").post(reverse("plan_check", args=[world.waiting.pk]), follow=True)
    assert "The plan is decided." in answer.content.decode()
    assert Plan.objects.get(pk=world.waiting.pk).findings == w.FINDINGS
    assert not AuditEvent.objects.filter(verb="plan:check").exists()


def test_checks_that_were_asked_for_again_are_waited_for(world: World) -> None:
    draft = world.draft
    Draft.objects.update(created_at=timezone.now() - timedelta(hours=1))
    where = reverse("draft_check", args=[draft.pk])
    shown = world.client("operator").post(where, follow=True).content.decode()
    assert "the hosts are being looked at" in shown
    Draft.objects.update(check_asked_at=timezone.now() - timedelta(minutes=5))
    assert "the hosts are being looked at" not in page(world, draft)

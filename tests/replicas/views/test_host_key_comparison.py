"""The fingerprint of a new host: shown with its plan, compared by the person who submits it, shown to the approver."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from replicas.actions import approve, break_glass, host_keys
from replicas.choices import PlanState
from replicas.clients import ssh
from replicas.forms.drafts import fingerprint_of
from replicas.models import AuditEvent, Draft, HostKey, Plan
from replicas.validators import parse_fingerprint
from tests.replicas.services.conftest import KEY
from tests.replicas.views.conftest import World
from tests.replicas.views.test_replicas import ASKED

FINGERPRINT = ssh.fingerprint(KEY)
BARE = FINGERPRINT.removeprefix("SHA256:")
SECOND_KEY = KEY.replace("DPR0", "DPR1")
SECOND = ssh.fingerprint(SECOND_KEY)
OTHER = "SHA256:" + BARE[::-1]
MD5 = "MD5:43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8"


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    for module in (approve, break_glass):
        monkeypatch.setattr(module, "execute", lambda run_id: None)
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: SECOND_KEY if address == "192.0.2.32" else KEY)


@pytest.fixture
def draft(world: World) -> str:
    """The address of a checked draft for a host that the portal does not know."""
    asked = ASKED | {"master": world.master.pk}
    where = str(world.client("operator").post(reverse("replica_request"), asked)["Location"])
    Draft.objects.update(checked_at=timezone.now(), findings=[])
    return where


def page(world: World, where: str, who: str = "operator") -> str:
    return html.unescape(world.client(who).get(where).content.decode())


def submit(world: World, where: str, typed: str) -> str:
    answer = world.client("operator").post(f"{where}submit/", {"fingerprint": typed}, follow=True)
    return html.unescape(answer.content.decode())


def test_the_draft_shows_the_fingerprint_and_how_to_read_it_on_the_host(world: World, draft: str) -> None:
    shown = page(world, draft)
    assert FINGERPRINT in shown
    assert "ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub" in shown
    assert 'name="fingerprint"' in shown


@pytest.mark.parametrize(
    "typed",
    [
        FINGERPRINT,
        BARE,
        f"  {BARE}=\n",
        f"sha256:{BARE}",
        f"256 {FINGERPRINT} root@ipareplica (ED25519)",
        f"SHA256:{BARE[:20]}\n  {BARE[20:]}",
        f"{BARE[:9]} {BARE[9:]}",
    ],
)
def test_the_same_fingerprint_is_accepted_in_any_usual_form(world: World, draft: str, typed: str) -> None:
    assert "Submitted." in submit(world, draft, typed)
    known = HostKey.objects.get(hostname=ASKED["hostname"])
    assert (known.compared, known.accepted_by) == ("typed", "operator")
    event = AuditEvent.objects.get(verb="hostkey:accept")
    assert event.actor == "operator"
    assert event.after == {"fingerprint": FINGERPRINT, "compared": "typed"}


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "Enter the fingerprint that you read on the host's own console."),
        (OTHER, "This is not the fingerprint of the key that the host presents."),
        (
            BARE[:-1] + ("A" if BARE[-1] != "A" else "B"),
            "This is not the fingerprint of the key that the host presents.",
        ),
        (MD5, "An MD5 fingerprint can be forged."),
        (MD5.removeprefix("MD5:"), "An MD5 fingerprint can be forged."),
        (f"2048 {MD5} root@host (RSA)", "An MD5 fingerprint can be forged."),
        (BARE[:40], "This is not a SHA-256 fingerprint."),
        ("yes", "This is not a SHA-256 fingerprint."),
        (KEY, "This is not a SHA-256 fingerprint."),
    ],
)
def test_anything_else_is_refused_and_nobody_has_accepted_the_key(
    world: World, draft: str, typed: str, problem: str
) -> None:
    assert problem in submit(world, draft, typed)
    assert not HostKey.objects.filter(hostname=ASKED["hostname"]).exists()
    assert not AuditEvent.objects.filter(verb="hostkey:accept").exists()
    assert not Plan.objects.filter(replica__hostname=ASKED["hostname"]).exists()
    assert Draft.objects.count() == 1


def test_the_approver_sees_the_fingerprint_and_how_it_was_compared(world: World, draft: str) -> None:
    submit(world, draft, BARE)
    plan = Plan.objects.latest("pk")
    shown = page(world, reverse("plan", args=[plan.pk]), "approver")
    assert FINGERPRINT in shown
    assert "Compared by operator (entered as read on the host's console)" in shown


def test_a_key_that_nobody_compared_is_marked_as_such(world: World) -> None:
    HostKey.objects.update(compared="")
    shown = page(world, reverse("plan", args=[world.waiting.pk]), "approver")
    assert "Nobody has compared this fingerprint with the host yet." in shown


def test_a_key_that_was_compared_before_is_not_asked_for_again(world: World, draft: str) -> None:
    submit(world, draft, BARE)
    replica = Plan.objects.latest("pk").replica
    cancel = reverse("replica_act", args=[replica.pk, "cancel"])
    assert world.client("operator").post(cancel, {"reason": "mistyped"}).status_code == 302
    again = world.client("operator").post(reverse("replica_act", args=[replica.pk, "resubmit"]), {"reason": ""})
    Draft.objects.update(checked_at=timezone.now(), findings=[])
    shown = page(world, again["Location"])
    assert 'name="fingerprint"' not in shown
    assert "Compared by operator" in shown
    assert "Submitted." in submit(world, again["Location"], "")


def test_a_key_from_before_there_were_comparisons_is_compared_now(world: World, draft: str) -> None:
    HostKey.objects.create(hostname=ASKED["hostname"], key=KEY, fingerprint=FINGERPRINT, accepted_by="olga")
    assert "Enter the fingerprint" in submit(world, draft, "")
    assert "Submitted." in submit(world, draft, BARE)
    assert HostKey.objects.get(hostname=ASKED["hostname"]).accepted_by == "operator"


HEAD = "hostname,master,ssh_address"
ROWS = ("one.example.com,ipaserver.example.com,192.0.2.31", "two.example.com,ipaserver.example.com,192.0.2.32")


def table(world: World, *lines: str) -> str:
    """The address of a checked table, or the page that says what is wrong with it."""
    answer = world.client("operator").post(reverse("replica_bulk"), {"content": "\n".join(lines)})
    Draft.objects.update(checked_at=timezone.now(), findings=[])
    return str(answer["Location"]) if answer.status_code == 302 else html.unescape(answer.content.decode())


def test_each_host_of_a_table_is_compared_beside_its_plan(world: World) -> None:
    where = table(world, HEAD, *ROWS)
    first, second = Draft.objects.order_by("pk")
    shown = page(world, where)
    assert all(f'name="{fingerprint_of(draft.pk)}"' in shown for draft in (first, second))
    client = world.client("operator")
    answer = client.post(f"{where}submit/", {fingerprint_of(first.pk): BARE}, follow=True)
    assert "Enter the fingerprint that you read" in html.unescape(answer.content.decode())
    assert not AuditEvent.objects.filter(verb="hostkey:accept").exists()
    both = {fingerprint_of(first.pk): BARE, fingerprint_of(second.pk): OTHER}
    answer = client.post(f"{where}submit/", both, follow=True)
    assert "This is not the fingerprint of the key" in html.unescape(answer.content.decode())
    answer = client.post(f"{where}submit/", both | {fingerprint_of(second.pk): SECOND}, follow=True)
    assert "2 requests are submitted." in answer.content.decode()
    compared = [event.after for event in AuditEvent.objects.filter(verb="hostkey:accept")]
    assert compared == [{"fingerprint": one, "compared": "typed"} for one in (SECOND, FINGERPRINT)]


def test_a_table_can_bring_the_fingerprints(world: World) -> None:
    where = table(world, f"{HEAD},fingerprint", f"{ROWS[0]},{BARE}", f"{ROWS[1]},")
    first, second = Draft.objects.order_by("pk")
    shown = page(world, where)
    assert f'name="{fingerprint_of(first.pk)}"' not in shown
    assert "The fingerprint was compared." in shown
    answer = world.client("operator").post(f"{where}submit/", {fingerprint_of(second.pk): SECOND}, follow=True)
    assert "2 requests are submitted." in answer.content.decode()


@pytest.mark.parametrize(
    ("cell", "problem"), [(OTHER, "This is not the fingerprint of the key"), (MD5, "An MD5 fingerprint can be forged.")]
)
def test_a_wrong_fingerprint_in_a_table_is_named_by_its_cell(world: World, cell: str, problem: str) -> None:
    shown = table(world, f"{HEAD},fingerprint", f"{ROWS[0]},{BARE}", f"{ROWS[1]},{cell}")
    assert problem in shown
    assert "fingerprint</td>" in shown
    assert not Draft.objects.exists()


def test_the_draft_of_a_row_cannot_be_submitted_around_its_table(world: World) -> None:
    table(world, HEAD, *ROWS)
    draft = Draft.objects.earliest("pk")
    assert "It is one of a table of requests." in submit(world, reverse("draft", args=[draft.pk]), BARE)


@pytest.fixture
def older(world: World) -> Plan:
    """A plan that an older version of the portal stored: nobody has compared the key of its host."""
    HostKey.objects.filter(replica=world.waiting.replica).update(compared="")
    return Plan.objects.get(pk=world.waiting.pk)


def decide(world: World, plan: Plan, who: str, what: str) -> str:
    sent = {"digest": plan.digest, "reason": "needed"}
    answer = world.client(who).post(reverse(what, args=[plan.pk]), sent, follow=True)
    return html.unescape(answer.content.decode())


@pytest.mark.parametrize(("what", "who"), [("approve", "approver"), ("approve", "root"), ("break_glass", "root")])
def test_a_plan_whose_key_nobody_compared_does_not_run(world: World, older: Plan, what: str, who: str) -> None:
    assert "Nobody has compared the host key" in decide(world, older, who, what)
    assert not older.runs.exists()
    assert not older.approvals.exists()


def test_it_is_rejected_all_the_same(world: World, older: Plan) -> None:
    shown = page(world, reverse("plan", args=[older.pk]), "approver")
    assert "Approve and run" not in shown
    assert reverse("reject", args=[older.pk]) in shown
    assert "Rejected." in decide(world, older, "approver", "reject")


@pytest.mark.parametrize("who", ["operator", "administrator"])
def test_the_requester_or_an_administrator_compares_it(world: World, older: Plan, who: str) -> None:
    where, fingerprint = reverse("plan", args=[older.pk]), older.replica.host_key.fingerprint
    assert "Accept host key" in page(world, where, who)
    wrong = world.client(who).post(f"{where}compare/", {"fingerprint": OTHER})
    assert "This is not the fingerprint of the key" in html.unescape(wrong.content.decode())
    right = world.client(who).post(f"{where}compare/", {"fingerprint": fingerprint}, follow=True)
    assert "The plan can be approved now." in html.unescape(right.content.decode())
    event = AuditEvent.objects.get(verb="hostkey:accept")
    assert (event.actor, event.after) == (who, {"fingerprint": fingerprint, "compared": "typed"})
    assert "Approve and run" in page(world, where, "approver")
    assert "Approved." in decide(world, older, "approver", "approve")


@pytest.mark.parametrize("who", ["approver", "viewer", "both"])
def test_nobody_else_compares_it(world: World, older: Plan, who: str) -> None:
    where = reverse("plan", args=[older.pk])
    assert "Accept host key" not in page(world, where, who)
    sent = {"fingerprint": older.replica.host_key.fingerprint}
    assert world.client(who).post(f"{where}compare/", sent).status_code == 403
    assert not HostKey.objects.get(replica=older.replica).compared


def test_a_decided_plan_is_not_compared(world: World, older: Plan) -> None:
    Plan.objects.update(state=PlanState.REJECTED)
    where = f"{reverse('plan', args=[older.pk])}compare/"
    sent = {"fingerprint": older.replica.host_key.fingerprint}
    answer = world.client("operator").post(where, sent)
    assert "This plan has been decided on already" in html.unescape(answer.content.decode())
    assert not HostKey.objects.get(replica=older.replica).compared


def test_nothing_is_not_a_fingerprint() -> None:
    assert parse_fingerprint(" \n") == ""
    with pytest.raises(ValidationError):
        parse_fingerprint("SHA256:")

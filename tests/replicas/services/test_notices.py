"""Who is told of what, and who is not."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import get_script_prefix, set_script_prefix
from pytest_django import Settings

from replicas import audit, notices
from replicas.actions import submit
from replicas.actions.cancel import cancel_plan
from replicas.actions.reject import reject
from replicas.choices import DeliveryState, EmailWish, NoticeKind, PlanState
from replicas.models import Delivery, EmailChoice, Notice, Plan, Run, Webhook
from replicas.permissions import Actor
from tests.replicas.services.conftest import KEY, Cast, approve, bypass, person
from tests.replicas.views.world import webhook


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replicas.actions.approve.execute", lambda run_id: None)


def told(kind: NoticeKind) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("recipient__username", flat=True))


def ends(run: Run, verb: str) -> None:
    audit.record(Actor.system(), verb, run)


def test_those_who_may_decide_hear_of_a_plan_and_nobody_else(cast: Cast, plan: Plan) -> None:
    assert told(NoticeKind.WAITING) == ["approver", "root"]
    notice = Notice.objects.filter(recipient=cast.approver.user).get()
    assert (notice.plan, notice.actor, notice.read_at) == (plan, "operator", None)


def test_an_approver_who_asked_is_not_told_to_decide(cast: Cast, wanted: Any, twin: None) -> None:
    both = person("both", "operator", "approver")
    submit.store(both, wanted(), KEY)
    assert told(NoticeKind.WAITING) == ["approver", "root"]


def test_who_has_left_is_not_told(cast: Cast, wanted: Any, twin: None) -> None:
    assert cast.approver.user is not None
    cast.approver.user.is_active = False
    cast.approver.user.save()
    submit.store(cast.operator, wanted(), KEY)
    assert told(NoticeKind.WAITING) == ["root"]


def test_the_requester_hears_of_the_decision_and_nobody_waits_any_more(cast: Cast, plan: Plan) -> None:
    approve(cast.approver, plan, plan.digest, "needed in Ulm")
    assert told(NoticeKind.APPROVED) == ["operator"]
    assert Notice.objects.get(kind=NoticeKind.APPROVED).reason == "needed in Ulm"
    assert not Notice.objects.filter(kind=NoticeKind.WAITING, read_at=None).exists()


def test_a_refusal_says_why(cast: Cast, plan: Plan) -> None:
    reject(cast.approver, plan, plan.digest, "wrong site")
    notice = Notice.objects.get(kind=NoticeKind.REJECTED)
    assert (notice.recipient, notice.reason) == (cast.operator.user, "wrong site")


def test_nobody_is_told_of_what_he_did_himself(cast: Cast, plan: Plan) -> None:
    cancel_plan(cast.operator, plan, "typed wrong")
    assert told(NoticeKind.CANCELLED) == []
    assert not Notice.objects.filter(read_at=None).exists()


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        ("run:succeed", NoticeKind.DONE),
        ("run:fail", NoticeKind.FAILED),
        ("run:cancelled", NoticeKind.CANCELLED),
    ],
)
def test_the_end_of_a_run_is_told_to_who_asked_and_who_approved(
    cast: Cast, plan: Plan, verb: str, kind: NoticeKind
) -> None:
    run = approve(cast.approver, plan, plan.digest, "needed")
    ends(run, verb)
    assert told(kind) == ["approver", "operator"]
    assert {notice.run for notice in Notice.objects.filter(kind=kind)} == {run}


def test_who_ran_it_without_approval_hears_of_the_end(cast: Cast, plan: Plan) -> None:
    run = approve(cast.approver, plan, plan.digest, "needed")
    bypass(cast, run)
    ends(run, "run:fail")
    assert told(NoticeKind.FAILED) == ["administrator", "approver", "operator"]


def test_who_retried_it_hears_of_the_end(cast: Cast, plan: Plan) -> None:
    run = approve(cast.approver, plan, plan.digest, "needed")
    audit.record(cast.administrator, "run:retry", run)
    ends(run, "run:succeed")
    assert told(NoticeKind.DONE) == ["administrator", "approver", "operator"]


def test_a_plan_that_needs_no_decision_waits_for_nobody(cast: Cast, plan: Plan) -> None:
    Notice.objects.all().delete()
    plan.state = PlanState.APPROVED
    plan.save()
    audit.record(cast.operator, "plan:submit", plan)
    assert not Notice.objects.exists()
    assert not Delivery.objects.exists()


def test_a_notice_is_part_of_the_transaction_of_what_it_tells(
    cast: Cast, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("full")

    monkeypatch.setattr(notices, "tell", broken)
    with pytest.raises(RuntimeError, match="full"):
        approve(cast.approver, plan, plan.digest, "needed")
    plan.refresh_from_db()
    assert plan.state == "waiting"


@pytest.mark.parametrize(
    ("wish", "kinds"),
    [
        (None, {"approved", "failed"}),
        (EmailWish.ALL, {"approved", "failed"}),
        (EmailWish.IMPORTANT, {"failed"}),
        (EmailWish.NONE, set()),
    ],
)
def test_email_goes_to_those_who_want_it(
    cast: Cast, plan: Plan, settings: Settings, wish: EmailWish | None, kinds: set[str]
) -> None:
    settings.EMAIL_URL_GIVEN = True
    assert cast.operator.user is not None
    cast.operator.user.email = "olga@example.com"
    cast.operator.user.save()
    if wish:
        EmailChoice.objects.create(user=cast.operator.user, wish=wish)
    ends(approve(cast.approver, plan, plan.digest, "needed"), "run:fail")
    mails = Delivery.objects.filter(notice__isnull=False).select_related("notice__recipient")
    assert {(mail.notice.recipient.username, mail.notice.kind) for mail in mails if mail.notice} == {
        ("operator", kind) for kind in kinds
    }


def test_without_a_mail_server_no_email_waits(cast: Cast, plan: Plan) -> None:
    assert cast.operator.user is not None
    cast.operator.user.email = "olga@example.com"
    cast.operator.user.save()
    approve(cast.approver, plan, plan.digest, "needed")
    assert not Delivery.objects.exists()


def test_webhooks_are_told_what_they_asked_for(cast: Cast, plan: Plan, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://portal.example.com/"
    everything = webhook("everything", "https://chat.example.com/1")
    failures = webhook("failures", "https://chat.example.com/2")
    Webhook.objects.filter(pk=failures.pk).update(kinds=[NoticeKind.FAILED])
    Webhook.objects.filter(pk=webhook("unused", "https://chat.example.com/3").pk).update(active=False)
    run = approve(cast.approver, plan, plan.digest, "needed")
    Run.objects.filter(pk=run.pk).update(error="Port 389 does not answer.")
    ends(run, "run:fail")
    assert [one.body["type"] for one in everything.deliveries.order_by("created_at")] == ["plan.approved", "run.failed"]
    delivery = failures.deliveries.get()
    assert delivery.state == DeliveryState.WAITING
    assert delivery.body["type"] == "run.failed"
    assert delivery.body["data"] == {
        "replica": "ipareplica.example.com",
        "master": "ipaserver.example.com",
        "realm": "EXAMPLE.COM",
        "action": "install",
        "plan": plan.pk,
        "run": run.pk,
        "by": "portal",
        "reason": "",
        "error": "Port 389 does not answer.",
        "people": ["approver", "operator"],
        "url": f"https://portal.example.com/runs/{run.pk}/",
    }
    assert Delivery.objects.count() == 3


@pytest.mark.parametrize("prefix", ["/", "/plans/"])
def test_addresses_have_the_path_of_the_portal_once(prefix: str, settings: Settings) -> None:
    """In a thread of the worker, and in one that serves a page below that path."""
    settings.PUBLIC_URL = "https://tools.example.com/plans"
    before = get_script_prefix()
    set_script_prefix(prefix)
    try:
        assert notices.address(Plan(pk=7), None) == "https://tools.example.com/plans/plans/7/"
    finally:
        set_script_prefix(before)

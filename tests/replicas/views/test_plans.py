"""Deciding on a plan."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from replicas.choices import Decision, PlanState
from replicas.models import Approval, Run
from tests.replicas.views.conftest import World


def decide(client: Client, world: World, verb: str, **data: str) -> int:
    given = {"digest": world.waiting.digest, "reason": "The site needs it", **data}
    return client.post(reverse(verb, args=[world.waiting.pk]), given).status_code


def test_the_plan_shows_every_touch_and_the_digest(world: World) -> None:
    page = world.client("approver").get(reverse("plan", args=[world.waiting.pk])).content.decode()
    assert world.waiting.digest in page
    for step in world.waiting.steps:
        assert step["title"] in page
    assert "/var/lib/ipa/replica-info-waiting.example.com.gpg, mode 0600" in page
    assert "cannot be undone" in page


def test_approving_queues_the_run(world: World) -> None:
    assert decide(world.client("approver"), world, "approve") == 302
    approval = Approval.objects.get(plan=world.waiting)
    assert (approval.approver, approval.reason) == (world.people["approver"], "The site needs it")
    assert Run.objects.filter(plan=world.waiting).count() == 1


def test_rejecting_keeps_the_reason(world: World) -> None:
    assert decide(world.client("approver"), world, "reject", reason="Not there") == 302
    world.waiting.refresh_from_db()
    assert world.waiting.state == PlanState.REJECTED
    assert Approval.objects.get(plan=world.waiting).decision == Decision.REJECT


def test_another_digest_is_refused_with_its_remedy(world: World) -> None:
    answer = world.client("approver").post(
        reverse("approve", args=[world.waiting.pk]), {"digest": "0" * 64, "reason": "x"}
    )
    assert answer.status_code == 200
    assert "What to do:" in answer.content.decode()
    assert not Approval.objects.filter(plan=world.waiting).exists()


def test_a_decision_needs_a_reason(world: World) -> None:
    assert decide(world.client("approver"), world, "approve", reason="") == 200
    assert not Approval.objects.filter(plan=world.waiting).exists()


def test_nobody_sees_buttons_for_an_own_request(world: World) -> None:
    for name in ("both", "root"):
        world.waiting.requested_by = world.people[name]
        world.waiting.save()
        page = world.client(name).get(reverse("plan", args=[world.waiting.pk])).content.decode()
        assert "This is your own request." in page
        assert reverse("approve", args=[world.waiting.pk]) not in page
        assert decide(world.client(name), world, "approve") == 403
    assert not Approval.objects.filter(plan=world.waiting).exists()

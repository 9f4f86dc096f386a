"""Undo, removal and asking again, from the replica's page to the approver's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from replicas.choices import PlanAction, PlanState, ReplicaState, RunState
from replicas.models import Draft, Plan, Replica, Run
from tests.browser.conftest import Portal
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser


def replica_in(portal: Portal, hostname: str, state: ReplicaState, run_state: RunState) -> Replica:
    replica = w.request(portal.master, hostname, User.objects.get(username="operator"), state)
    run = w.run_of(w.plan_of(replica, PlanState.APPROVED), run_state, 6, error="No space left.", remedy="Free space.")
    w.bundle_of(run)
    w.lines(run, "one", "two")
    return replica


def removed(portal: Portal, hostname: str) -> Replica:
    replica = replica_in(portal, hostname, ReplicaState.REMOVED, RunState.FAILED)
    w.run_of(w.plan_of(replica, PlanState.APPROVED, PlanAction.UNDO), RunState.SUCCEEDED, 10)
    return replica


def ask(page: Page, label: str, reason: str) -> None:
    page.locator("summary", has_text=label).click()
    form = page.locator("details[open] form")
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name=label).click()


def submits(portal: Portal, page: Page) -> None:
    """As soon as the hosts were looked at, which nobody does here."""
    expect(page.get_by_text("the hosts are being looked at")).to_be_visible()
    expect(page.get_by_role("button", name="Submit for approval")).to_have_count(0)
    portal.write(lambda: Draft.objects.update(checked_at=timezone.now(), findings=[]))
    expect(page.get_by_role("heading", name="What cannot be undone")).to_be_visible()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("Someone else has to approve the plan now.")).to_be_visible()


def test_undo_is_asked_for_and_approved(portal: Portal, sign_in: Callable[..., Page]) -> None:
    replica = portal.write(replica_in, portal, "stuck.example.com", ReplicaState.FAILED, RunState.FAILED)
    page = sign_in("operator")
    page.goto(f"/replicas/{replica.pk}/")
    ask(page, "Undo", "The disk is too small")
    submits(portal, page)
    expect(page.get_by_text("“Undo installation” waits for its approval.")).to_be_visible()

    plan = portal.write(lambda: Plan.objects.get(replica=replica, state=PlanState.WAITING))
    page = sign_in("approver")
    page.goto(f"/plans/{plan.pk}/")
    expect(page.get_by_text("A removal cannot be undone")).to_be_visible()
    expect(page.get_by_text("The disk is too small")).to_be_visible()
    expect(page.get_by_text("Proving that nothing of the replica is left")).to_be_visible()
    page.get_by_label("Reason").fill("agreed")
    page.get_by_role("button", name="Approve and run").click()
    expect(page.get_by_text("Approved. The run is queued.")).to_be_visible()
    assert portal.write(lambda: Run.objects.get(plan=plan).state) == RunState.QUEUED


def test_a_machine_that_is_gone_is_said_to_the_approver(portal: Portal, sign_in: Callable[..., Page]) -> None:
    replica = portal.write(replica_in, portal, "burnt.example.com", ReplicaState.VERIFIED, RunState.SUCCEEDED)
    page = sign_in("operator")
    page.goto(f"/replicas/{replica.pk}/")
    page.locator("summary", has_text="Remove replica").click()
    page.locator("details[open]").get_by_label("The host is gone").fill("It burnt down")
    page.locator("details[open]").get_by_label("Reason").fill("Fire in the server room")
    page.locator("details[open]").get_by_role("button", name="Remove replica").click()
    submits(portal, page)
    page.get_by_role("link", name="See the plan").click()
    for text in ("The host itself is left out", "It burnt down", "Fire in the server room"):
        expect(page.get_by_text(text)).to_be_visible()
    first = page.locator(".steps li").first
    expect(first).to_contain_text("Checking that the realm can do without the replica")


def test_a_removed_replica_can_be_asked_for_again(portal: Portal, sign_in: Callable[..., Page]) -> None:
    replica = portal.write(removed, portal, "back.example.com")
    page = sign_in("operator")
    page.goto("/replicas/?state=removed")
    expect(page.locator("#results .state")).to_have_text("Removed")
    page.goto(f"/replicas/{replica.pk}/")
    labels = page.locator("section.acts summary").all_inner_texts()
    assert [label.strip() for label in labels] == ["Request again"]

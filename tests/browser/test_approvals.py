"""Approving by clicking, and what nobody can click."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from replicas.choices import PlanState, ReplicaState
from replicas.models import Plan
from tests.browser.conftest import Portal
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]


def waiting(portal: Portal, by: str, hostname: str) -> Plan:
    def make() -> Plan:
        replica = w.request(portal.master, hostname, User.objects.get(username=by), ReplicaState.REQUESTED)
        return w.plan_of(replica, PlanState.WAITING)

    return portal.write(make)


def test_an_approver_reads_the_plan_and_approves(portal: Portal, sign_in: SignIn) -> None:
    plan = waiting(portal, "operator", "clicked.example.com")
    page = sign_in("approver")
    page.get_by_role("link", name="Approvals").click()
    page.get_by_role("row", name="clicked.example.com").get_by_role("link", name="Review").click()
    expect(page.get_by_text(plan.digest)).to_be_visible()
    expect(page.get_by_text("clicked.example.com. 3600 IN A 192.0.2.21")).to_be_visible()
    page.get_by_label("Reason").fill("The site needs it")
    page.get_by_role("button", name="Approve and run").click()
    expect(page.get_by_text("Approved. The run is queued.")).to_be_visible()
    expect(page.locator("[data-run-badge]")).to_have_text("Queued")


def test_a_rejection_shows_its_reason(portal: Portal, sign_in: SignIn) -> None:
    plan = waiting(portal, "operator", "refused.example.com")
    page = sign_in("approver")
    page.goto(f"/plans/{plan.pk}/")
    page.get_by_label("Reason").fill("There is one already")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("There is one already")).to_be_visible()
    expect(page.locator("#page-actions")).to_have_text("Rejected")


def test_an_own_request_cannot_be_approved(portal: Portal, sign_in: SignIn) -> None:
    plan = waiting(portal, "both", "own.example.com")
    page = sign_in("both")
    page.goto("/approvals/")
    row = page.get_by_role("row", name="own.example.com")
    expect(row.get_by_text("own request: someone else decides")).to_be_visible()
    page.goto(f"/plans/{plan.pk}/")
    expect(page.get_by_text("This is your own request.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve and run")).to_have_count(0)


def test_the_glass_is_broken_and_somebody_else_reviews(portal: Portal, sign_in: SignIn) -> None:
    plan = waiting(portal, "operator", "urgent.example.com")
    page = sign_in("administrator")
    page.goto(f"/plans/{plan.pk}/")
    page.locator("summary", has_text="Run without approval").click()
    form = page.locator("details[open] form")
    form.get_by_role("button", name="Run without approval").click()
    expect(page.get_by_text("Run without approval by")).to_have_count(0)
    form.get_by_label("Reason").fill("The other site burns")
    form.get_by_role("button", name="Run without approval").click()
    expect(page.get_by_text("It runs without approval.")).to_be_visible()
    expect(page.get_by_text("Run without approval by administrator")).to_be_visible()
    expect(page.get_by_text("The other site burns")).to_be_visible()
    expect(page.locator("summary", has_text="Review")).to_have_count(0)
    run = page.url

    page = sign_in("approver")
    page.goto("/notices/")
    expect(page.get_by_text("The other site burns").first).to_be_visible()
    page.goto(run)
    page.locator("summary", has_text="Review").click()
    page.locator("details[open] form").get_by_label("What you found").fill("It was needed")
    page.locator("details[open] form").get_by_role("button", name="Review").click()
    expect(page.get_by_text("Reviewed by approver")).to_be_visible()
    expect(page.get_by_text("It was needed")).to_be_visible()
    expect(page.locator("summary", has_text="Review")).to_have_count(0)

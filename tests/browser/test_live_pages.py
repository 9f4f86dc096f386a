"""Pages that change without a reload, when other people decide and workers work, and keep what their reader does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, Request, expect

from replicas.choices import BundleState, Decision, PlanState, ReplicaState, RunState, StepState
from replicas.lifecycle import looking
from replicas.models import Approval, Bundle, Notice, Plan, RealmLook, Replica, Run
from tests.browser.conftest import Portal
from tests.replicas.views import world as w
from tests.replicas.views.test_realms import HEALTH

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]
KEPT = "Your text is still here."


@pytest.fixture
def plan(portal: Portal) -> Plan:
    def make() -> Plan:
        operator, number = User.objects.get(username="operator"), Replica.objects.count()
        replica = w.request(portal.master, f"live-page{number}.example.com", operator, ReplicaState.REQUESTED)
        return w.plan_of(replica, PlanState.WAITING)

    return portal.write(make)


def decide(plan: Plan, decision: Decision, reason: str = "As agreed") -> None:
    """As somebody else does it, in another browser."""
    approver, operator = (User.objects.get(username=name) for name in ("both", "operator"))
    Approval.objects.create(
        plan=plan, digest=plan.digest, requester=operator, approver=approver, decision=decision, reason=reason
    )
    approved = decision == Decision.APPROVE
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.APPROVED if approved else PlanState.REJECTED)
    state = ReplicaState.APPROVED if approved else ReplicaState.REJECTED
    Replica.objects.filter(pk=plan.replica_id).update(state=state)


def begin(plan: Plan) -> Run:
    """A worker has taken the approved plan's run up."""
    decide(plan, Decision.APPROVE)
    Replica.objects.filter(pk=plan.replica_id).update(state=ReplicaState.RUNNING)
    run = w.run_of(plan, RunState.RUNNING, 1)
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(started_at=now, attempt_started_at=now)
    return Run.objects.get(pk=run.pk)


def end(run: Run, state: RunState, seconds: float) -> None:
    began = timezone.now() - timedelta(seconds=seconds)
    run.steps.update(state=StepState.DONE, started_at=began, finished_at=began + timedelta(seconds=seconds))
    changes = {"started_at": began, "attempt_started_at": began, "finished_at": began + timedelta(seconds=seconds)}
    Run.objects.filter(pk=run.pk).update(state=state, **changes)
    ended = ReplicaState.VERIFIED if state == RunState.SUCCEEDED else ReplicaState.FAILED
    Replica.objects.filter(pk=run.plan.replica_id).update(state=ended)


def followed(page: Page) -> None:
    """Wait until the page's socket is open: what happens before is asked for with it."""
    page.wait_for_timeout(300)


def test_a_plan_that_somebody_else_approves(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    page = sign_in("approver")
    page.goto(f"/plans/{plan.pk}/")
    expect(page.locator("#page-actions")).to_have_text("Awaiting approval")
    portal.write(decide, plan, Decision.APPROVE)
    expect(page.locator("#page-actions")).to_have_text("Approved")
    expect(page.get_by_role("button", name="Approve and run")).to_have_count(0)
    expect(page.get_by_text("As agreed")).to_be_visible()


def test_what_an_approver_is_typing_stays(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    page = sign_in("approver")
    page.goto(f"/plans/{plan.pk}/")
    reason = page.get_by_label("Reason")
    reason.fill("The site needs")
    followed(page)
    portal.write(lambda: Plan.objects.filter(pk=plan.pk).update(checked_at=timezone.now(), findings=[]))
    expect(page.locator("#checks")).to_contain_text("all good")
    expect(reason).to_be_focused()
    page.keyboard.type(" it")
    expect(reason).to_have_value("The site needs it")
    expect(page.get_by_text(KEPT)).to_be_hidden()

    portal.write(decide, plan, Decision.REJECT, "Too early")
    expect(page.get_by_text(KEPT)).to_be_visible()
    expect(page.locator("#page-actions")).to_have_text("Rejected")
    expect(reason).to_be_focused()
    expect(reason).to_have_value("The site needs it")
    page.get_by_role("link", name="Show the current page").click()
    expect(page.get_by_text("Too early")).to_be_visible()
    expect(page.get_by_text(KEPT)).to_be_hidden()


def test_the_list_and_the_counter_of_the_navigation(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    listed, elsewhere = sign_in("approver"), sign_in("approver")
    listed.goto("/approvals/")
    elsewhere.goto("/bundles/")
    counter = elsewhere.locator("#count-approvals")
    before = int(counter.inner_text())
    row = listed.locator("#results").get_by_role("row", name=str(plan.replica))
    expect(row).to_be_visible()
    portal.write(decide, plan, Decision.REJECT)
    expect(row).to_have_count(0)
    expect(listed.locator("#decided")).to_contain_text(str(plan.replica))
    expect(counter).to_have_text(str(before - 1) if before > 1 else "")

    approver = portal.write(User.objects.get, username="approver")
    told = elsewhere.locator("#count-notices")
    unread = int(told.inner_text() or 0)
    portal.write(lambda: Notice.objects.create(recipient=approver, kind="waiting", plan=plan, actor="operator"))
    expect(told).to_have_text(str(unread + 1))


def test_the_list_of_replicas_with_its_filter(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    name = str(plan.replica)
    page.goto(f"/replicas/?hostname={name}")
    row = page.locator("#results tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Awaiting approval")
    followed(page)
    portal.write(decide, plan, Decision.REJECT)
    expect(row).to_contain_text("Rejected")
    expect(row).to_have_count(1)


def test_a_replica_from_its_approval_to_its_end(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    """The page gets the run that begins, follows it, and says the same as a reload in every place."""
    page = sign_in("operator")
    page.clock.install(time="2001-01-01T00:00:00Z")
    page.goto(f"/replicas/{plan.replica_id}/")
    expect(page.locator("#summary")).to_contain_text("Awaiting approval")
    expect(page.locator("[data-run]")).to_have_count(0)
    run = portal.write(begin, plan)
    expect(page.locator("[data-run-badge]")).to_have_text("Running")
    expect(page.locator("#plans")).to_contain_text(re.compile(rf"Run {run.pk}\s+Running"))
    portal.write(w.lines, run, "it goes on")
    expect(page.locator("[data-lines]")).to_contain_text("it goes on")
    portal.write(end, run, RunState.SUCCEEDED, 4.6)
    expect(page.locator("[data-run-badge]")).to_have_text("Succeeded")
    expect(page.locator("[data-run-seconds]")).to_have_text("4.6 s")
    expect(page.locator("#summary")).to_contain_text("Verified")
    expect(page.locator("#plans")).to_contain_text(re.compile(rf"Run {run.pk}\s+Succeeded"))
    shown = facts(page)
    page.reload()
    assert facts(page) == shown


def facts(page: Page) -> list[str]:
    """Everything that tells a state or a time on the page of a replica."""
    page.wait_for_timeout(300)
    places = ".state, [data-seconds], [data-run-seconds], [data-attempt], [data-done], #plans"
    return [" ".join(text.split()) for text in page.locator(places).all_text_contents()]


@pytest.mark.parametrize("clock", ["2001-01-01T00:00:00Z", "2049-12-31T00:00:00Z"])
def test_times_are_those_of_the_server_whatever_the_browser_s_clock_says(
    portal: Portal, plan: Plan, sign_in: SignIn, clock: str
) -> None:
    run = portal.write(begin, plan)
    pages = [sign_in("viewer") for _ in range(2)]
    for page in pages:
        page.clock.install(time=clock)
        page.goto(f"/runs/{run.pk}/")
        expect(page.locator("[data-link]")).to_have_text("live")
        page.clock.run_for(1100)
        shown = float(page.locator("[data-run-seconds]").inner_text().removesuffix(" s"))
        assert 0 <= shown < 60
    portal.write(end, run, RunState.SUCCEEDED, 119.7)
    for page in pages:
        expect(page.locator("[data-run-seconds]")).to_have_text("2 min 00 s")
        page.clock.run_for(5000)
        expect(page.locator("[data-run-seconds]")).to_have_text("2 min 00 s")
        expect(page.locator("[data-step='3'] [data-seconds]")).to_have_text("2 min 00 s")
        page.reload()
        expect(page.locator("[data-run-seconds]")).to_have_text("2 min 00 s")


def test_a_retry_is_followed_on_the_page_of_the_failed_run(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    run = portal.write(begin, plan)
    portal.write(end, run, RunState.FAILED, 3)
    page = sign_in("viewer")
    page.goto(f"/replicas/{plan.replica_id}/")
    expect(page.locator("[data-run-badge]")).to_have_text("Failed")
    followed(page)

    def retry() -> None:
        now = timezone.now()
        Run.objects.filter(pk=run.pk).update(
            state=RunState.RUNNING, attempt=2, attempt_started_at=now, finished_at=None
        )
        Replica.objects.filter(pk=plan.replica_id).update(state=ReplicaState.RUNNING)

    portal.write(retry)
    expect(page.locator("[data-run-badge]")).to_have_text("Running")
    expect(page.locator("[data-attempt]")).to_have_text("2")
    expect(page.locator("#plans")).to_contain_text(re.compile(rf"Run {run.pk}\s+Running"))
    portal.write(w.lines, run, "the second attempt")
    expect(page.locator("[data-lines]")).to_contain_text("the second attempt")
    portal.write(end, run, RunState.SUCCEEDED, 2)
    expect(page.locator("[data-run-badge]")).to_have_text("Succeeded")
    expect(page.locator("#plans")).to_contain_text(re.compile(rf"Run {run.pk}\s+Succeeded"))
    expect(page.locator("#plans")).not_to_contain_text("Running")


def test_a_message_goes_when_it_is_no_longer_so(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    run = portal.write(begin, plan)
    page = sign_in("operator")
    page.goto(f"/replicas/{plan.replica_id}/")
    page.locator("summary", has_text="Stop now").click()
    form = page.locator("details[open] form")
    form.get_by_label("Reason").fill("Wrong host")
    form.get_by_role("checkbox").check()
    form.get_by_role("button", name="Stop now").click()
    said = page.get_by_text("The run is being stopped in the middle of its step.")
    expect(said).to_be_visible()
    page.evaluate("""() => {
        const other = document.querySelector("[data-message]").cloneNode(true);
        other.dataset.message = "stays"; other.textContent = "Not proved.";
        document.querySelector("[data-message]").after(other);
    }""")
    portal.write(end, run, RunState.CANCELLED, 3)
    expect(page.locator("[data-run-badge]")).to_have_text("Stopped")
    expect(said).to_have_count(0, timeout=8000)
    expect(page.get_by_text("Not proved.")).to_be_visible()


def test_a_realm_shows_its_check_and_then_its_results(portal: Portal, sign_in: SignIn) -> None:
    def move(**changes: Any) -> None:
        RealmLook.objects.update_or_create(realm=portal.master.realm, defaults=changes)

    portal.write(move, at=timezone.now() - timedelta(hours=1), asked_at=None, **looking.found(HEALTH, []))
    page = sign_in("operator")
    page.goto(f"/realms/{portal.master.realm_id}/")
    checking = page.get_by_text("Checking the realm… the results appear here in a few seconds.")
    expect(checking).to_have_count(0)
    followed(page)
    portal.write(move, asked_at=timezone.now())
    expect(checking).to_be_visible()
    one = HEALTH["agreements"][0] | {"lag": 4321.0}
    portal.write(
        move, started_at=timezone.now(), at=timezone.now(), **looking.found(HEALTH | {"agreements": [one]}, [])
    )
    expect(page.get_by_role("listitem").filter(has_text="4321 s behind")).to_be_visible()
    expect(checking).to_have_count(0)


def test_a_page_that_nobody_sees_asks_for_nothing(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    page = sign_in("approver")
    for where, place in ((f"/plans/{plan.pk}/", "#page-actions"), ("/", "#now")):
        page.goto(where)
        expect(page.locator(place)).to_be_visible()
        followed(page)
        hide(page, True)
        asked: list[str] = []
        page.on("request", noting(asked))
        portal.write(lambda: Plan.objects.filter(pk=plan.pk).update(checked_at=timezone.now()))
        page.wait_for_timeout(6000)
        assert asked == []
    page.goto(f"/plans/{plan.pk}/")
    followed(page)
    hide(page, True)
    portal.write(decide, plan, Decision.REJECT)
    portal.write(w.event, "both", "plan:reject", "plan", plan.pk, str(plan))
    page.wait_for_timeout(500)
    expect(page.locator("#page-actions")).to_have_text("Awaiting approval")
    hide(page, False)
    expect(page.locator("#page-actions")).to_have_text("Rejected")


def noting(asked: list[str]) -> Callable[[Request], None]:
    return lambda request: asked.append(request.url)


def hide(page: Page, hidden: bool) -> None:
    """As when another tab is in front."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_lists_that_show_states(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    """The replicas of a master, all bundles, and all realms."""
    page = sign_in("viewer")
    page.goto(f"/masters/{portal.master.pk}/")
    row = page.locator("#replicas li").filter(has_text=plan.replica.hostname)
    expect(row).to_contain_text("Awaiting approval")
    followed(page)
    run = portal.write(begin, plan)
    expect(row).to_contain_text("Installing")
    page.goto("/bundles/")
    followed(page)
    bundle = portal.write(w.bundle_of, run, BundleState.SEALED)
    row = page.locator("#results tr").filter(has_text=plan.replica.hostname)
    expect(row).to_contain_text("Sealed")
    portal.write(lambda: Bundle.objects.filter(pk=bundle.pk).update(state=BundleState.USED, used_at=timezone.now()))
    expect(row).to_contain_text("Used")
    page.goto("/realms/")
    followed(page)
    now = timezone.now()
    seen = looking.failed("The master does not answer.", "") | {"asked_at": now, "started_at": now, "at": now}
    portal.write(RealmLook.objects.update_or_create, realm=portal.master.realm, defaults=seen)
    expect(page.locator("#realms")).to_contain_text("The master does not answer.")

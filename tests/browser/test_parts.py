"""Parts of pages that htmx brings anew: what was chosen, opened and focused stays, and who is signed out is told."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from replicas.choices import PlanState, ReplicaState, Role, RunState
from replicas.lifecycle import looking
from replicas.models import AuditEvent, Draft, Plan, RealmLook, Run
from tests.browser.conftest import Portal
from tests.replicas.views import world as w
from tests.replicas.views.test_realms import HEALTH, MASTER

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]
POLL = 15_000
"""Milliseconds, in which the dashboard asks a few times, and a socket asks once whether its reader may read on."""


@pytest.fixture
def plan(portal: Portal) -> Iterator[Plan]:
    """One that waits, for as long as the test goes on."""

    def make() -> Plan:
        operator, number = User.objects.get(username="operator"), Plan.objects.count()
        replica = w.request(portal.master, f"part{number}.example.com", operator, ReplicaState.REQUESTED)
        return w.plan_of(replica, PlanState.WAITING)

    made = portal.write(make)
    yield made
    portal.write(lambda: Plan.objects.filter(pk=made.pk).update(state=PlanState.CANCELLED))


def look(portal: Portal, servers: int) -> None:
    agreements = [
        {"supplier": MASTER, "consumer": f"replica{number}.example.com", "lag": 1.0 * number, "problem": ""}
        for number in range(servers)
    ]
    given = {"at": timezone.now(), **looking.found(HEALTH | {"agreements": agreements}, [])}
    RealmLook.objects.update_or_create(realm=portal.master.realm, defaults=given)


def brought_anew(page: Page) -> None:
    """Wait until the dashboard's parts have been replaced."""
    page.evaluate("document.getElementById('now').dataset.old = 'yes'")
    expect(page.locator("#now:not([data-old])")).to_be_attached(timeout=POLL)


def sign_out(portal: Portal, page: Page) -> None:
    """As in another window: the session ends, and the page knows nothing of it."""
    (cookie,) = (cookie for cookie in page.context.cookies() if cookie["name"] == "sessionid")
    portal.write(lambda: Session.objects.filter(pk=cookie["value"]).delete())


def test_an_export_has_what_the_filter_on_the_screen_lets_through(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    def tell() -> None:
        for number in range(3):
            w.event("anna", "plan:approve", "plan", plan.pk, f"Zürich {number}")
            w.event("bert", "plan:reject", "plan", plan.pk, f"Zürich {number}")
            w.event("bert", "run:start", "run", 1, f"Ulm {number}")

    portal.write(tell)
    page = sign_in("viewer", accept_downloads=True)
    page.goto("/history/")
    page.get_by_label("Kind").select_option("plan")
    expect(page).to_have_url(re.compile("kind=plan"))
    page.get_by_label("Person").fill("bert")
    expect(page).to_have_url(re.compile("actor=bert"))
    expect(page.locator("#results tbody tr")).to_have_count(3)
    page.get_by_label("Object").fill("zürich 1")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    events = [json.loads(line) for line in download(page, "JSON Lines").splitlines()]
    assert [(event["actor"], event["label"]) for event in events] == [("bert", "Zürich 1")]
    rows = list(csv.DictReader(download(page, "CSV").splitlines()))
    assert [(row["actor"], row["label"]) for row in rows] == [("bert", "Zürich 1")]
    page.get_by_role("link", name="Clear").click()
    labels = {json.loads(line)["label"] for line in download(page, "JSON Lines").splitlines()}
    assert {"Zürich 0", "Zürich 2", "Ulm 1"} <= labels


def download(page: Page, name: str) -> str:
    with page.expect_download() as started:
        page.get_by_role("link", name=name).click()
    return Path(started.value.path()).read_text()


def test_the_dashboard_keeps_what_has_the_focus(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    """Whatever can have it, one after the other, by keyboard."""
    portal.write(look, portal, 8)
    page = sign_in("approver")
    names: list[str] = page.locator("#now a, #now summary, #now button").evaluate_all("all => all.map(one => one.id)")
    assert f"plan-{plan.pk}" in names
    assert f"more-lags-{portal.master.realm_id}" in names
    assert "" not in names, "htmx finds the focus again by its id"
    page.locator(f"#plan-{plan.pk}").focus()
    brought_anew(page)
    expect(page.locator(f"#plan-{plan.pk}")).to_be_focused()
    page.keyboard.press("Tab")
    after = page.evaluate("document.activeElement.id")
    assert names[names.index(f"plan-{plan.pk}") + 1] == after
    page.locator("#all-history").focus()
    brought_anew(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="History")).to_be_visible()


def test_what_is_opened_stays_open_and_is_up_to_date(portal: Portal, sign_in: SignIn) -> None:
    portal.write(look, portal, 8)
    page = sign_in("viewer")
    expect(page.locator(".lags details li").last).not_to_be_visible()
    page.locator(".lags summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("ipaserver → replica0", exact=True)).to_be_visible()
    portal.write(look, portal, 9)
    brought_anew(page)
    expect(page.get_by_text("6 more agreements")).to_be_focused()
    expect(page.get_by_text("ipaserver → replica0", exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    brought_anew(page)
    expect(page.get_by_text("ipaserver → replica0", exact=True)).not_to_be_visible()


def test_the_dashboard_of_somebody_signed_out_leads_to_signing_in(portal: Portal, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    sign_out(portal, page)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=POLL)
    comes_back(page, portal.url + "/")


def test_the_dashboard_of_somebody_without_a_role_is_closed_once(portal: Portal, sign_in: SignIn) -> None:
    def make() -> User:
        return w.person("leaver", Role.VIEWER)

    def refusals() -> int:
        return AuditEvent.objects.filter(verb="access:refuse", actor="leaver").count()

    leaver = portal.write(make)
    page = sign_in("leaver")
    portal.write(leaver.groups.clear)
    expect(page.get_by_role("heading", name="You may not see this page")).to_be_visible(timeout=POLL)
    noted = portal.write(refusals)
    page.wait_for_timeout(6000)
    assert portal.write(refusals) == noted == 2, "the part that asked, and the page"


def test_so_does_a_request_whose_hosts_are_looked_at(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    def draw() -> Draft:
        return w.draft_of(plan.replica, User.objects.get(username="operator"))

    def wait() -> None:
        Draft.objects.update(checked_at=None, findings=None, created_at=timezone.now())

    portal.write(lambda: Plan.objects.filter(pk=plan.pk).update(state=PlanState.CANCELLED))
    draft = portal.write(draw)
    portal.write(wait)
    page = sign_in("operator")
    page.goto(f"/requests/{draft.pk}/")
    expect(page.get_by_text("the hosts are being looked at")).to_be_visible()
    sign_out(portal, page)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=POLL)
    comes_back(page, f"{portal.url}/requests/{draft.pk}/", "operator")


def test_so_does_a_filter(portal: Portal, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.goto("/history/")
    sign_out(portal, page)
    page.get_by_label("Kind").select_option("plan")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    (back,) = parse_qs(urlsplit(page.url).query)["next"]
    assert parse_qs(urlsplit(back).query)["kind"] == ["plan"]
    comes_back(page, portal.url + back)
    expect(page.get_by_label("Kind")).to_have_value("plan")


def comes_back(page: Page, where: str, name: str = "viewer") -> None:
    """By signing in again, on a page of its own."""
    expect(page.locator(".rail")).to_have_count(0)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(w.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(where)
    expect(page.locator(".rail")).to_have_count(1)


def test_the_log_of_somebody_signed_out_ends_and_says_so(portal: Portal, sign_in: SignIn) -> None:
    def begin() -> Run:
        operator = User.objects.get(username="operator")
        replica = w.request(portal.master, "cut-off.example.com", operator, ReplicaState.RUNNING)
        made = w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.RUNNING, 8)
        w.lines(made, "one", "two", "three")
        return made

    run = portal.write(begin)
    page = sign_in("viewer")
    closed: list[str] = []
    page.on("websocket", lambda socket: socket.on("close", lambda _: closed.append(socket.url)))
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("[data-link]")).to_have_text("live")
    sign_out(portal, page)
    expect(page.locator("[data-link]")).to_have_text("you are signed out", timeout=POLL)
    assert len(closed) == 1
    portal.write(w.lines, run, "a secret of later")
    page.wait_for_timeout(3000)
    expect(page.get_by_text("a secret of later")).to_have_count(0)
    assert len(closed) == 1, "it does not knock again and again"
    expect(page.locator("#L3 .line-text")).to_have_text("three")
    page.get_by_role("link", name="Sign in").click()
    comes_back(page, f"{portal.url}/runs/{run.pk}/")
    expect(page.get_by_text("a secret of later")).to_be_visible()

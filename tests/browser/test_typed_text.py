"""What people type comes back after their session ended or changed, to them alone and without passwords."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Response, expect

from replicas.choices import PlanState, ReplicaState, RunState
from replicas.models import Replica, Run
from tests.browser.conftest import Portal
from tests.replicas.views import world as w

SignIn = Callable[..., Page]
HOST, ADDRESS, SECRET = "typed.example.com", "192.0.2.77", "canary-of-this-test"
FORM = "/replicas/request/"


def sign_in_again(page: Page, name: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(w.PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def another_tab(page: Page) -> Page:
    tab = page.context.new_page()
    tab.goto("/")
    return tab


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Username")).to_be_visible()


def fill_in(page: Page) -> None:
    page.goto(FORM)
    page.locator("#id_master").select_option(index=1)
    page.locator("#id_hostname").fill(HOST)
    page.locator("#id_ssh_address").fill(ADDRESS)
    page.locator("#id_setup_ca").check()
    page.locator("#id_admin").fill(SECRET)


def send(page: Page) -> Response:
    with page.expect_response(lambda answer: answer.request.method == "POST") as told:
        page.get_by_role("button", name="Show the plan").click()
    return told.value


def expect_back(page: Page) -> None:
    expect(page.locator("#id_hostname")).to_have_value(HOST)
    expect(page.locator("#id_ssh_address")).to_have_value(ADDRESS)
    expect(page.locator("#id_setup_ca")).to_be_checked()
    expect(page.locator("#id_admin")).to_have_value("")
    expect(page.get_by_text("What you typed before is back.")).to_be_visible()


def test_after_signing_in_again_in_another_tab(sign_in: SignIn) -> None:
    page = sign_in("operator")
    fill_in(page)
    tab = another_tab(page)
    sign_out(tab)
    sign_in_again(tab, "operator")
    tab.wait_for_url("**/")
    assert send(page).status == 403
    expect(page.get_by_role("heading", name="This form is out of date")).to_be_visible()
    assert "DEBUG" not in page.content()
    assert SECRET not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    page.get_by_role("link", name="Back to the form").click()
    expect_back(page)
    assert send(page).status in (200, 302)


def test_after_signing_out_in_another_tab(sign_in: SignIn) -> None:
    page = sign_in("operator")
    fill_in(page)
    sign_out(another_tab(page))
    send(page)
    sign_in_again(page, "operator")
    expect_back(page)


def test_after_signing_out_in_the_same_tab(sign_in: SignIn) -> None:
    page = sign_in("operator")
    fill_in(page)
    sign_out(page)
    sign_in_again(page, "operator")
    page.wait_for_url("**/")
    page.goto(FORM)
    expect_back(page)
    page.goto("/replicas/")
    page.goto(FORM)
    expect(page.locator("#id_hostname")).to_have_value("")


def test_after_the_session_ended_while_a_part_of_the_page_was_asked_for(portal: Portal, sign_in: SignIn) -> None:
    page = sign_in("operator")
    fill_in(page)
    portal.write(lambda: Session.objects.all().delete())
    page.locator("#id_master").select_option(index=0)
    sign_in_again(page, "operator")
    expect_back(page)


def test_another_user_gets_nothing_of_it(sign_in: SignIn) -> None:
    page = sign_in("operator")
    fill_in(page)
    sign_out(another_tab(page))
    send(page)
    sign_in_again(page, "both")
    expect(page.locator("#id_hostname")).to_have_value("")
    page.wait_for_load_state()
    assert HOST not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    assert HOST not in page.content()


def test_a_form_that_was_sent_does_not_come_back(sign_in: SignIn) -> None:
    page = sign_in("operator")
    fill_in(page)
    page.locator("#id_hostname").fill("Not_A_Name")
    assert send(page).status == 200
    page.goto("/replicas/")
    page.goto(FORM)
    expect(page.locator("#id_hostname")).to_have_value("")


def test_a_table_that_was_too_large(sign_in: SignIn) -> None:
    page = sign_in("operator")
    page.goto("/replicas/bulk/")
    page.evaluate("document.getElementById('id_content').value = 'hostname,master\\n' + 'x'.repeat(2700000)")
    with page.expect_response(lambda answer: answer.request.method == "POST") as told:
        page.get_by_role("button", name="Check").click()
    assert told.value.status == 413
    page.get_by_role("link", name="Back to the form").click()
    assert page.locator("#id_content").input_value().startswith("hostname,master")


@pytest.fixture
def run(portal: Portal) -> Run:
    def make() -> Run:
        by = User.objects.get(username="operator")
        name = f"busy{Replica.objects.count()}.example.com"
        replica = w.request(portal.master, name, by, ReplicaState.RUNNING)
        return w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.RUNNING, 3)

    return portal.write(make)


def test_a_part_of_the_page_is_replaced_while_somebody_types_in_it(portal: Portal, run: Run, sign_in: SignIn) -> None:
    page = sign_in("operator")
    page.goto(f"/replicas/{run.plan.replica_id}/")
    act = page.locator("details.act", has_text="Cancel").first
    act.locator("summary").click()
    reason = act.locator("textarea")
    reason.fill("The site loses power")
    page.evaluate(
        """async () => {
            const part = document.getElementById("actions");
            const page = await (await fetch(window.location.pathname)).text();
            const fresh = new DOMParser().parseFromString(page, "text/html").getElementById("actions");
            part.replaceChildren(...fresh.childNodes);
        }"""
    )
    expect(page.locator("details.act[open] textarea").first).to_have_value("The site loses power")


def test_a_user_who_is_asked_to_sign_in_on_a_page_for_one_decision(portal: Portal, run: Run, sign_in: SignIn) -> None:
    """The form is sent to an address that is no page: signing in leads to the page that it belongs to."""
    page = sign_in("operator")
    page.goto(f"/replicas/{run.plan.replica_id}/")
    act = page.locator("details.act", has_text="Cancel").first
    act.locator("summary").click()
    act.locator("textarea").fill("The site loses power")
    portal.write(lambda: Session.objects.all().delete())
    act.get_by_role("button", name="Cancel").click()
    sign_in_again(page, "operator")
    expect(page.locator("details.act[open] textarea").first).to_have_value("The site loses power")

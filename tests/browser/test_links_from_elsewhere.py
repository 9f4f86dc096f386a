"""A link in a web mail, which is another site, leads to the page; forms and sockets of other sites lead nowhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from replicas.choices import PlanState, ReplicaState
from replicas.models import Plan
from tests.browser.conftest import Portal
from tests.browser.proxies import web_page
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]


@pytest.fixture
def plan(portal: Portal) -> Plan:
    def make() -> Plan:
        operator, number = User.objects.get(username="operator"), Plan.objects.count()
        replica = w.request(portal.master, f"mailed{number}.example.com", operator, ReplicaState.REQUESTED)
        return w.plan_of(replica, PlanState.WAITING)

    return portal.write(make)


def test_a_signed_in_approver_sees_the_page(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    page = sign_in("approver")
    with web_page(f'<a href="{portal.url}/plans/{plan.pk}/">Review</a>') as mail:
        page.goto(mail)
        page.get_by_role("link", name="Review").click()
    expect(page.get_by_text(plan.digest)).to_be_visible()
    expect(page.get_by_role("button", name="Approve and run")).to_be_visible()


def test_the_page_is_in_the_language_that_the_reader_chose(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    page = sign_in("approver")
    page.context.add_cookies([{"name": "django_language", "value": "de", "url": portal.url, "sameSite": "Lax"}])
    with web_page(f'<a href="{portal.url}/plans/{plan.pk}/">Review</a>') as mail:
        page.goto(mail)
        page.get_by_role("link", name="Review").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_someone_who_is_not_signed_in_lands_on_the_page_afterwards(
    portal: Portal, plan: Plan, chromium: Browser
) -> None:
    page = chromium.new_context().new_page()
    with web_page(f'<a href="{portal.url}/plans/{plan.pk}/?from=mail">Review</a>') as mail:
        page.goto(mail)
        page.get_by_role("link", name="Review").click()
    page.get_by_label("Username").fill("approver")
    page.get_by_label("Password").fill(w.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(plan.digest)).to_be_visible()
    assert page.url == f"{portal.url}/plans/{plan.pk}/?from=mail"
    page.context.close()


def test_a_form_of_another_site_decides_nothing(portal: Portal, plan: Plan, sign_in: SignIn) -> None:
    page = sign_in("approver")
    form = (
        f'<form method="post" action="{portal.url}/plans/{plan.pk}/approve/"><input name="reason" value="It is needed">'
        f'<input name="digest" value="{plan.digest}"><button>Win</button></form>'
    )
    with web_page(form) as trap:
        page.goto(trap)
        with page.expect_navigation() as sent:
            page.get_by_role("button", name="Win").click()
        assert sent.value.status in (302, 403) or "/login/" in page.url
    assert portal.write(lambda: Plan.objects.get(pk=plan.pk).state) == PlanState.WAITING


def test_a_socket_of_another_site_is_refused(portal: Portal, sign_in: SignIn) -> None:
    page = sign_in("approver")
    with web_page("<p>elsewhere</p>") as trap:
        page.goto(trap)
        opened = page.evaluate(
            """(address) => new Promise((tell) => {
                const socket = new WebSocket(address);
                socket.onopen = () => tell(true);
                socket.onerror = () => tell(false);
            })""",
            f"{portal.url.replace('http', 'ws', 1)}/ws/runs/1/",
        )
    assert opened is False

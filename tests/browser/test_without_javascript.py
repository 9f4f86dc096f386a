"""The portal in a browser that runs no script: all but what is live works, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from replicas.models import Draft
from tests.browser.conftest import Portal
from tests.browser.sshd import Sshd, sshd
from tests.browser.test_every_page import GROUNDS, background

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]
HOST = "plain.example.com"
DARK_TEXT = "parseInt(/\\d+/.exec(getComputedStyle(document.querySelector('main .panel')).color)[0]) < 100"


@pytest.fixture
def plain(sign_in: SignIn) -> SignIn:
    return partial(sign_in, java_script_enabled=False)


@pytest.fixture
def server() -> Iterator[Sshd]:
    with sshd() as started:
        yield started


def fill_in(page: Page, portal: Portal, server: Sshd, hostname: str) -> None:
    page.locator("#id_master").select_option(str(portal.master.pk))
    page.locator("#id_hostname").fill(hostname)
    page.locator("#id_ssh_address").fill(server.address)
    page.locator("#id_ssh_port").fill(str(server.port))
    page.get_by_role("button", name="Show the plan").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_system_says_whether_it_is_dark(portal: Portal, plain: SignIn, scheme: str) -> None:
    page = plain("operator", color_scheme=scheme)
    for path in ("/", "/replicas/", "/replicas/request/", "/history/", f"/masters/{portal.master.pk}/"):
        page.goto(path)
        assert background(page) == GROUNDS[scheme]
        assert page.evaluate(DARK_TEXT) == (scheme == "light"), path


def test_a_replica_is_asked_for_approved_and_found(portal: Portal, server: Sshd, plain: SignIn) -> None:
    page = plain("operator")
    page.get_by_role("link", name="Replicas").click()
    page.get_by_role("link", name="Request a replica").first.click()
    fill_in(page, portal, server, HOST)
    expect(page.get_by_text("the hosts are being looked at")).to_be_visible()
    draft = page.url
    portal.write(lambda: Draft.objects.update(checked_at=timezone.now(), findings=[]))
    page.get_by_role("link", name="Look again").click()
    expect(page).to_have_url(draft)
    expect(page.get_by_role("heading", name="Exactly what will be done")).to_be_visible()
    page.get_by_label("Fingerprint on the host's console").fill(server.fingerprint)
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("Someone else has to approve the plan now.")).to_be_visible()

    page = plain("approver")
    page.get_by_role("link", name="Approvals").click()
    page.get_by_role("row", name=HOST).get_by_role("link", name="Review").click()
    page.get_by_label("Reason").fill("The site needs it")
    page.get_by_role("button", name="Approve and run").click()
    expect(page.get_by_text("Approved. The run is queued.")).to_be_visible()

    page.get_by_role("link", name="Replicas", exact=True).first.click()
    page.get_by_label("State").select_option("approved")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("state=approved"))
    expect(page.locator("#results tbody tr")).to_have_count(1)
    page.get_by_role("link", name=HOST).click()
    expect(page.get_by_role("heading", name=HOST)).to_be_visible()


def test_a_draft_is_discarded(portal: Portal, server: Sshd, plain: SignIn) -> None:
    page = plain("operator")
    page.goto("/replicas/request/")
    fill_in(page, portal, server, "mistaken.example.com")
    portal.write(lambda: Draft.objects.update(checked_at=timezone.now(), findings=[]))
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("Nothing was submitted.")).to_be_visible()

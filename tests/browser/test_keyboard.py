"""Asking, approving and reading the log with the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from replicas.choices import RunState
from replicas.models import Draft, Replica, Run
from tests.browser.conftest import Portal
from tests.browser.sshd import Sshd, sshd
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser
HOST = "typed.example.com"
MOST_TABS = 120
RESTS = """() => new Promise((done) => {
    const log = document.querySelector("[data-log]"), top = log.scrollTop;
    setTimeout(() => done(log.scrollTop === top), 300);
})"""


def tab_to(page: Page, wanted: Locator) -> None:
    """It has the focus, and shows it."""
    for _ in range(MOST_TABS):
        if wanted.evaluate("one => one === document.activeElement"):
            assert wanted.evaluate("one => one.matches(':focus-visible')")
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never comes to {wanted}")


def press(page: Page, wanted: Locator) -> None:
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def write(page: Page, field: Locator, text: str) -> None:
    tab_to(page, field)
    page.keyboard.type(text)


def test_a_replica_is_asked_for_approved_and_followed(portal: Portal, sign_in: Callable[..., Page]) -> None:
    page = sign_in("operator")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    press(page, page.get_by_role("link", name="Request a replica"))
    expect(page.get_by_role("heading", name="Request a replica")).to_be_visible()
    with sshd() as server:
        ask(page, portal, server)
    page = sign_in("approver")
    approve(page)
    run = portal.write(begun)
    expect(page.locator("#L300")).to_be_visible()
    read(page)
    portal.write(w.lines, run, "The last one.")
    expect(page.locator("#L301")).to_be_in_viewport()


def ask(page: Page, portal: Portal, server: Sshd) -> None:
    write(page, page.locator("#id_hostname"), HOST)
    write(page, page.locator("#id_master"), portal.master.hostname[:5])
    write(page, page.locator("#id_ssh_address"), server.address)
    tab_to(page, page.locator("#id_ssh_port"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(str(server.port))
    press(page, page.get_by_role("button", name="Show the plan"))
    expect(page.get_by_text("the hosts are being looked at")).to_be_visible()
    portal.write(lambda: Draft.objects.update(checked_at=timezone.now(), findings=[]))
    expect(page.get_by_text("all good")).to_be_visible()
    write(page, page.get_by_label("Fingerprint on the host's console"), server.fingerprint)
    press(page, page.get_by_role("button", name="Submit for approval"))
    expect(page.get_by_text("Someone else has to approve the plan now.")).to_be_visible()


def approve(page: Page) -> None:
    press(page, page.get_by_role("link", name="Approvals"))
    expect(page.get_by_role("heading", name="Approvals")).to_be_visible()
    press(page, page.get_by_role("row", name=HOST).get_by_role("link", name="Review"))
    expect(page.get_by_role("button", name="Approve and run")).to_be_visible()
    write(page, page.get_by_label("Reason"), "The site needs it")
    press(page, page.get_by_role("button", name="Approve and run"))
    expect(page.get_by_text("Approved. The run is queued.")).to_be_visible()


def begun() -> Run:
    """As a worker does it."""
    assert User.objects.get(username="operator") == Replica.objects.get(hostname=HOST).requested_by
    run = Run.objects.get(plan__replica__hostname=HOST)
    run.state, run.started_at = RunState.RUNNING, timezone.now()
    run.save(update_fields=["state", "started_at"])
    w.lines(run, *(f"line {number}" for number in range(1, 301)))
    return run


def read(page: Page) -> None:
    """From the beginning, on, and to the end, which is followed then."""
    tab_to(page, page.locator("[data-log]"))
    page.keyboard.press("Home")
    expect(page.locator("#L1")).to_be_in_viewport()
    page.keyboard.press("PageDown")
    expect(page.locator("#L1")).not_to_be_in_viewport()
    page.wait_for_function(RESTS)
    page.keyboard.press("Tab")
    expect(page.locator("[data-lines] a:focus")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.locator("[data-jump]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#L300")).to_be_in_viewport()

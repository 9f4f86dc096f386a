"""A run's page follows what a worker writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from replicas.choices import PlanState, ReplicaState, RunState, StepState
from replicas.models import Run
from tests.browser.conftest import Portal
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]


@pytest.fixture
def run(portal: Portal) -> Run:
    """A run in its ninth step, with three lines."""

    def make() -> Run:
        number = Run.objects.count()
        operator = User.objects.get(username="operator")
        replica = w.request(portal.master, f"live{number}.example.com", operator, ReplicaState.RUNNING)
        made = w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.RUNNING, 8)
        w.lines(made, "one", "two", "three")
        return made

    return portal.write(make)


def texts(page: Page) -> list[str]:
    return page.locator(".line-text").all_text_contents()


def numbers(page: Page) -> list[int]:
    return [int(number) for number in page.locator(".line-seq").all_text_contents()]


def end(run: Run) -> None:
    run.steps.update(state=StepState.DONE, finished_at=timezone.now())
    run.state, run.finished_at = RunState.SUCCEEDED, timezone.now()
    run.save(update_fields=["state", "finished_at"])


def test_lines_appear_live_and_are_text(portal: Portal, run: Run, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("[data-link]")).to_have_text("live")
    portal.write(w.lines, run, "four", "<b>five</b>", level="warning")
    expect(page.locator("#L5 .line-text")).to_have_text("<b>five</b>")
    assert texts(page) == ["one", "two", "three", "four", "<b>five</b>"]


def test_steps_move_and_the_end_is_told(portal: Portal, run: Run, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("[data-step='8'] [data-figures]")).to_have_text("6,212 / 10,012 entries")
    portal.write(run.steps.filter(index=8).update, progress_done=9000)
    expect(page.locator("[data-step='8'] [data-figures]")).to_have_text("9,000 / 10,012 entries")
    portal.write(end, run)
    expect(page.locator("[data-step='9'] [data-badge]")).to_have_text("Done")
    expect(page.locator("[data-run-badge]")).to_have_text("Succeeded")
    expect(page.locator("[data-link]")).to_have_text("complete")


def test_a_reload_in_the_middle_shows_everything_once(portal: Portal, run: Run, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    for begin in range(0, 2500, 500):
        portal.write(w.lines, run, *(f"line {begin + i}" for i in range(500)))
        if begin == 1000:
            page.reload()
    expect(page.locator("#L2503")).to_be_attached()
    assert numbers(page) == list(range(504, 2504))
    page.get_by_role("link", name="Earlier lines").click()
    expect(page.locator("#L503")).to_be_attached()
    assert numbers(page) == list(range(1, 1001))
    expect(page.get_by_role("link", name="Earlier lines")).to_be_hidden()


def test_very_many_lines(portal: Portal, run: Run, sign_in: SignIn) -> None:
    """The page opens at the end, keeps so many lines as a browser bears, and leads to every other one."""
    portal.write(w.lines, run, *(f"line {number}" for number in range(4, 60_001)))
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    assert numbers(page) == list(range(59_001, 60_001))
    for first in range(60_001, 68_001, 2000):
        portal.write(w.lines, run, *(f"line {number}" for number in range(first, first + 2000)))
    expect(page.locator("#L68000")).to_be_attached()
    assert numbers(page) == list(range(63_001, 68_001))
    page.locator("[data-log]").evaluate("log => { log.scrollTop = log.scrollHeight / 2; }")
    expect(page.locator("[data-jump]")).to_be_visible()
    portal.write(w.lines, run, *(f"line {number}" for number in range(68_001, 75_001)))
    expect(page.locator("[data-count]")).to_have_text("75000")
    assert numbers(page) == list(range(63_001, 68_001))
    page.locator("[data-jump]").click()
    expect(page.locator("#L75000")).to_be_in_viewport()
    assert numbers(page) == list(range(70_001, 75_001))
    page.goto(f"/runs/{run.pk}/#L777")
    expect(page.locator("#L777")).to_be_in_viewport()
    assert numbers(page) == list(range(277, 1277))
    page.get_by_role("link", name="Following lines").click()
    expect(page.locator("#L2276")).to_be_attached()
    page.get_by_role("link", name="Newest lines").click()
    expect(page.locator("#L75000")).to_be_in_viewport()


def test_without_a_socket_it_asks(portal: Portal, run: Run, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.add_init_script("window.WebSocket = class extends EventTarget { constructor() { super();"
                         " setTimeout(() => this.dispatchEvent(new Event('close')), 10); } close() {} };")  # fmt: skip
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("[data-link]")).to_have_text("asking every 2 s")
    portal.write(w.lines, run, "four")
    expect(page.locator("#L4 .line-text")).to_have_text("four")
    portal.write(end, run)
    expect(page.locator("[data-run-badge]")).to_have_text("Succeeded")
    assert numbers(page) == [1, 2, 3, 4]


def test_it_follows_unless_one_scrolled_up(portal: Portal, run: Run, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    portal.write(w.lines, run, *(f"line {i}" for i in range(300)))
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("#L303")).to_be_in_viewport()
    page.locator("[data-log]").evaluate("log => { log.scrollTop = 0; }")
    expect(page.locator("[data-jump]")).to_be_visible()
    portal.write(w.lines, run, "later")
    expect(page.locator("#L304")).to_be_attached()
    expect(page.locator("#L304")).not_to_be_in_viewport()
    page.locator("[data-jump]").click()
    expect(page.locator("#L304")).to_be_in_viewport()


def test_without_javascript_it_is_a_page_to_reload(portal: Portal, run: Run, chromium: Any) -> None:
    context = chromium.new_context(base_url=portal.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/login/?next=/runs/{run.pk}/")
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill(w.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert texts(page) == ["one", "two", "three"]
    portal.write(w.lines, run, "four")
    page.reload()
    assert texts(page) == ["one", "two", "three", "four"]
    context.close()

"""Text that hides, reorders or widens: no page gets wider than its window, and the log window names what is hidden."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal
from tests.replicas.test_visible import ODD, WORD, ZALGO, everywhere
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World, around

SignIn = Callable[..., Page]
SIZES = {"phone": {"width": 390, "height": 844}, "laptop": {"width": 1280, "height": 800}}
NAMED = "ab⟨U+202E⟩gnol"


@pytest.fixture(scope="module")
def world(portal: Portal) -> World:
    return portal.write(lambda: around(portal.master, {user.username: user for user in User.objects.all()}))


@pytest.fixture(scope="module")
def pages(portal: Portal, world: World) -> list[str]:
    return portal.write(lambda: everywhere(world))


@pytest.mark.parametrize("size", SIZES)
def test_no_page_is_wider_than_its_window(pages: list[str], sign_in: SignIn, size: str) -> None:
    page = sign_in("root", viewport=SIZES[size])
    wide = {}
    for where in pages:
        page.goto(where)
        for summary in page.locator("details.value > summary").all()[:3]:
            summary.click()
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > SIZES[size]["width"] and "/admin/" not in where:
            wide[where] = width
    assert wide == {}


def test_the_history_shows_the_quote_where_it_ends(pages: list[str], world: World, sign_in: SignIn) -> None:
    page = sign_in("root")
    page.goto(f"/history/replica/{world.failed.plan.replica_id}/")
    chip = page.locator(".hidden-character", has_text="U+202E").first
    expect(chip).to_be_visible()
    assert page.locator("bdi", has_text="שלום").first.evaluate("one => getComputedStyle(one).unicodeBidi") == "isolate"


def test_the_log_window_names_it_when_it_opens_and_when_lines_come(
    portal: Portal, world: World, sign_in: SignIn
) -> None:
    run = world.running
    portal.write(w.lines, run, f"first {ODD} {ZALGO}", "שלום, 1")
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("#L1 .line-text")).to_have_text(f"first {NAMED} e{chr(0x301) * 4}⟨U+0301 … 26⟩")
    expect(page.locator("#L2 bdi")).to_have_text("שלום")
    portal.write(w.lines, run, f"later {ODD}", WORD)
    expect(page.locator("#L3 .line-text")).to_have_text(f"later {NAMED}")
    expect(page.locator("#L3 .hidden-character")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_what_is_searched_for_is_marked_beside_it(portal: Portal, world: World, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.goto(f"/runs/{world.running.pk}/?q=later")
    expect(page.locator("mark", has_text="later").first).to_be_visible()
    expect(page.locator(".hidden-character").first).to_be_visible()

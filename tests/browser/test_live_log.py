"""A run's page follows what a worker writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page, expect

from replicas.choices import PlanState, ReplicaState, RunState, StepState
from replicas.models import LogLine, Run
from tests.browser.conftest import Portal
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]
MOST_ROWS = 120
"""Some more than fit on the screen."""


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
    overall = page.locator("[data-overall] progress")
    done, total = (int(overall.get_attribute(name) or "") for name in ("value", "max"))
    portal.write(run.steps.filter(index=8).update, progress_done=9000)
    expect(page.locator("[data-step='8'] [data-figures]")).to_have_text("9,000 / 10,012 entries")
    expect(page.locator("[data-step='8'] progress")).to_have_js_property("value", 9000)
    portal.write(run.steps.filter(index=8).update, state=StepState.DONE, finished_at=timezone.now())
    expect(overall).to_have_js_property("value", done + 1)
    portal.write(end, run)
    expect(overall).to_have_js_property("value", total)
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
    expect(page.locator("#L2503")).to_be_in_viewport()
    assert read_upwards(page) == list(range(1, 2504))


def read_upwards(page: Page) -> list[int]:
    """Every line's number, as somebody sees who turns pages from the end to the beginning."""
    seen: set[int] = set()
    log = page.locator("[data-log]")
    log.focus()
    while True:
        expect(page.locator("[data-awaited]")).to_have_count(0)
        shown = numbers(page)
        assert shown == list(range(shown[0], shown[-1] + 1))
        assert not seen or shown[-1] + 1 in seen or shown[-1] in seen, "lines are left out between two pages"
        seen.update(shown)
        if shown[0] == 1:
            return sorted(seen)
        scroll(page, -500)


def scroll(page: Page, by: int) -> None:
    """By so many pixels, and wait until the lines are where they belong."""
    before = numbers(page)
    page.locator("[data-log]").evaluate("(log, by) => { log.scrollTop += by; }", by)
    page.wait_for_function("before => document.querySelector('.line-seq').textContent !== before", arg=str(before[0]))


def test_very_many_lines(portal: Portal, run: Run, sign_in: SignIn) -> None:
    """The page holds what is visible, wherever in the log that is, and keeps its place while lines come."""
    portal.write(w.lines, run, *(f"line {number}" for number in range(4, 60_001)))
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("#L60000")).to_be_in_viewport()
    assert len(numbers(page)) < MOST_ROWS
    for first in range(60_001, 68_001, 2000):
        portal.write(w.lines, run, *(f"line {number}" for number in range(first, first + 2000)))
    expect(page.locator("#L68000")).to_be_in_viewport()
    page.locator("[data-log]").evaluate("log => { log.scrollTop = log.scrollHeight / 2; }")
    expect(page.locator("[data-jump]")).to_be_visible()
    expect(page.locator("#L34005")).to_be_in_viewport()
    before = numbers(page)
    portal.write(w.lines, run, *(f"line {number}" for number in range(68_001, 75_001)))
    expect(page.locator("[data-count]")).to_have_text("75000")
    assert numbers(page) == before
    page.locator("[data-jump]").click()
    expect(page.locator("#L75000")).to_be_in_viewport()
    page.goto(f"/runs/{run.pk}/#L777")
    expect(page.locator("#L777 .line-text")).to_have_text("line 777")
    expect(page.locator("#L777")).to_be_in_viewport()
    expect(page.locator("#L777")).to_have_class("line line-info line-linked")
    assert len(numbers(page)) < MOST_ROWS


def test_a_million_lines(portal: Portal, run: Run, sign_in: SignIn) -> None:
    portal.write(many, run, 1_000_000)
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("#L1000000")).to_be_in_viewport()
    assert page.locator(".line").count() < MOST_ROWS
    for share in (0.5, 0.123, 0.987654):
        page.locator("[data-log]").evaluate("(log, share) => { log.scrollTop = share * log.scrollHeight; }", share)
        page.wait_for_function(
            "line => Math.abs(document.querySelector('.line-seq')?.textContent - line) < 1000", arg=share * 1_000_000
        )
        expect(page.locator("[data-awaited]")).to_have_count(0)
        assert len(numbers(page)) < MOST_ROWS
        first = numbers(page)[0]
        scroll(page, 100)
        assert 3 <= numbers(page)[0] - first <= 7, "a turn of the wheel is a few lines, however long the log is"
    page.locator("[data-log]").focus()
    page.keyboard.press("Home")
    expect(page.locator("#L1")).to_be_in_viewport()
    page.keyboard.press("End")
    expect(page.locator("#L1000000")).to_be_in_viewport()


def many(run: Run, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE n(seq) AS (SELECT %s UNION ALL SELECT seq + 1 FROM n WHERE seq < %s)"
            " INSERT INTO replicas_logline (run_id, seq, step, level, text, at)"
            " SELECT %s, seq, seq / 100000, 'info', 'line ' || seq, CURRENT_TIMESTAMP FROM n",
            [run.last_seq + 1, count, run.pk],
        )
    Run.objects.filter(pk=run.pk).update(last_seq=count)


def test_search_and_filters_look_at_all_lines(portal: Portal, run: Run, sign_in: SignIn) -> None:
    def write() -> None:
        w.lines(run, *(f"entry {number}" for number in range(4, 3001)))
        w.lines(run, "\x1b[1;31mdisk\x1b[0m is <full>", level="error")
        w.lines(run, *(f"entry {number}" for number in range(3002, 6001)))
        run.lines.filter(seq__gt=3000, seq__lte=3010).update(step=7)

    portal.write(write)
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    page.get_by_label("Search", exact=True).fill("ENTRY 29")
    expect(page.locator("[data-looked]")).to_have_text("111 found in all 6,000 lines")
    assert numbers(page)[:3] == [29, 290, 291]
    expect(page.locator("#L290 mark")).to_have_text("entry 29")
    page.get_by_label("Search", exact=True).fill("disk is <")
    expect(page.locator("[data-looked]")).to_have_text("1 found in all 6,000 lines")
    expect(page.locator("#L3001 .ansi-bold.ansi-red")).to_have_text("disk")
    page.locator("#L3001 .line-seq").click()
    expect(page.locator("#L3002")).to_be_in_viewport()
    expect(page.locator("#L3001.line-linked")).to_be_in_viewport()
    expect(page.get_by_label("Search", exact=True)).to_have_value("")
    assert page.url.endswith(f"/runs/{run.pk}/#L3001")
    page.get_by_label("Step", exact=True).select_option("7")
    expect(page.locator("[data-looked]")).to_have_text("10 found in all 6,000 lines")
    page.get_by_label("Level", exact=True).select_option("error")
    expect(page.locator("[data-looked]")).to_have_text("1 found in all 6,000 lines")
    page.reload()
    expect(page.locator("[data-looked]")).to_have_text("1 found in all 6,000 lines")
    portal.write(lambda: LogLine.objects.filter(run=run, seq=3005).update(level="warning"))
    page.get_by_label("Level", exact=True).select_option("warning")
    expect(page.locator("[data-looked]")).to_have_text("2 found in all 6,000 lines")
    page.get_by_role("link", name="Whole log").click()
    expect(page.locator("#L6000")).to_be_in_viewport()


def test_what_is_found_grows_with_the_log(portal: Portal, run: Run, sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    page.get_by_label("Level", exact=True).select_option("error")
    expect(page.locator("[data-looked]")).to_have_text("0 found in all 3 lines")
    portal.write(w.lines, run, "no", level="error")
    expect(page.locator("#L4 .line-text")).to_have_text("no")
    expect(page.locator("[data-looked]")).to_have_text("1 found in all 4 lines")


def test_long_lines_wrap_when_asked(portal: Portal, run: Run, sign_in: SignIn) -> None:
    portal.write(w.lines, run, *(f"{number} " + "long words " * (number % 60) for number in range(4, 501)))
    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    log = page.locator("[data-log]")
    expect(page.locator("#L500")).to_be_in_viewport()
    assert log.evaluate("log => log.scrollWidth > log.clientWidth")
    page.get_by_label("Wrap long lines").check()
    assert log.evaluate("log => log.scrollWidth <= log.clientWidth")
    expect(page.locator("#L500")).to_be_in_viewport()
    assert read_upwards(page) == list(range(1, 501))
    page.locator("[data-jump]").click()
    expect(page.locator("#L500")).to_be_in_viewport()
    page.get_by_label("Wrap long lines").uncheck()
    assert log.evaluate("log => log.scrollWidth > log.clientWidth")


def test_figures_are_in_the_language_of_the_page_not_of_the_browser(portal: Portal, run: Run, sign_in: SignIn) -> None:
    portal.write(w.lines, run, *(f"line {number}" for number in range(4, 1201)))
    page = sign_in("viewer", locale="en-US")
    page.get_by_role("button", name="Deutsch").click()
    page.goto(f"/runs/{run.pk}/?q=line")
    expect(page.locator("[data-looked]")).to_contain_text("1.200")
    expect(page.locator("[data-figures]:visible")).to_have_text("6.212 / 10.012 entries")


def test_times_are_in_the_readers_zone(portal: Portal, run: Run, sign_in: SignIn) -> None:
    page = sign_in("viewer", timezone_id="Asia/Tokyo")
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("[data-link]")).to_have_text("live")
    portal.write(w.lines, run, "four", at=datetime(2026, 3, 1, 22, 30, 15, 250_000, tzinfo=UTC))
    shown = page.locator("#L4 time")
    expect(shown).to_have_text("07:30:15")
    title = shown.get_attribute("title") or ""
    assert "03/02/2026" in title
    assert "07:30:15.250" in title
    assert "GMT+9" in title


def test_a_link_leads_to_the_failing_line(portal: Portal, run: Run, sign_in: SignIn) -> None:
    def fail() -> None:
        w.lines(run, *(f"line {number}" for number in range(4, 3001)))
        w.lines(run, "UDP 88 does not answer.", level="error")
        w.lines(run, *(f"line {number}" for number in range(3002, 3501)))
        w.lines(run, "The connection check failed.", level="error")
        run.state, run.error, run.finished_at = RunState.FAILED, "UDP 88 does not answer.", timezone.now()
        run.failing_line = 3001
        run.save(update_fields=["state", "error", "finished_at", "failing_line"])

    page = sign_in("viewer")
    page.goto(f"/runs/{run.pk}/")
    expect(page.locator("[data-link]")).to_have_text("live")
    portal.write(fail)
    page.get_by_role("link", name="Go to the failing line").click()
    expect(page.locator("#L3001.line-linked")).to_be_in_viewport()
    expect(page.locator("#L3001 .line-text")).to_have_text("UDP 88 does not answer.")


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
    expect(page.locator("[data-count]")).to_have_text("304")
    expect(page.locator("#L1")).to_be_in_viewport()
    expect(page.locator("#L304")).to_have_count(0)
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
    portal.write(w.lines, run, *(f"line {number}" for number in range(4, 501)))
    page.reload()
    assert numbers(page) == list(range(301, 501))
    page.get_by_role("link", name="Earlier lines").click()
    assert numbers(page) == list(range(101, 301))
    page.get_by_role("link", name="Following lines").click()
    assert numbers(page) == list(range(301, 501))
    page.get_by_label("Search", exact=True).fill("line ")
    page.get_by_role("button", name="Show").click()
    assert numbers(page) == list(range(4, 204))
    page.get_by_role("link", name="Look further").click()
    assert numbers(page) == list(range(204, 404))
    page.locator("#L250 .line-seq").click()
    assert numbers(page) == list(range(151, 351))
    context.close()

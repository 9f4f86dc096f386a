"""The portal below the root of its host: pages, forms, links, cookies and the live log."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import Browser, Page, expect

from replicas.choices import PlanState, ReplicaState, RunState
from replicas.models import Run
from tests.browser.conftest import Portal, served
from tests.browser.proxies import reverse_proxy
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser
ROOT = "/tools/portal"


def whole(path: str) -> str:
    """As nginx does with `proxy_pass http://portal;`."""
    return path


def cut(path: str) -> str:
    """As nginx does with `proxy_pass http://portal/;`."""
    return path.removeprefix(ROOT) or "/"


WAYS = {"whole": (whole, ()), "cut": (cut, ()), "root-path": (cut, ("--root-path", ROOT))}


@pytest.fixture(scope="module", params=WAYS)
def portal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Portal]:
    """A portal that other people reach below ROOT, through a proxy."""
    folder = tmp_path_factory.mktemp("below")
    rewrite, options = WAYS[request.param]
    database = connections.settings["default"]
    before = database["NAME"]
    database["NAME"] = str(folder / "portal.sqlite3")
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as pool:
        pool.submit(call_command, "migrate", verbosity=0).result()
        pool.submit(w.cast).result()
        master = pool.submit(w.realm_with_master).result()
        server = served(folder, PORTAL_URL=f"https://tools.example.com{ROOT}/", options=options)
        with server, reverse_proxy(server.port, rewrite) as port:
            yield Portal(f"http://127.0.0.1:{port}", master, pool)
        pool.submit(connections.close_all).result()
    database["NAME"] = before


def run_of(portal: Portal) -> Run:
    def make() -> Run:
        operator = User.objects.get(username="operator")
        replica = w.request(portal.master, f"below{Run.objects.count()}.example.com", operator, ReplicaState.RUNNING)
        run = w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.RUNNING, 8)
        w.lines(run, "one", "two")
        return run

    return portal.write(make)


def sign_in(page: Page, portal: Portal) -> None:
    page.goto(f"{portal.url}{ROOT}/")
    page.get_by_label("Username").fill("both")
    page.get_by_label("Password").fill(w.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{portal.url}{ROOT}/")


def test_everything_stays_below_the_path(portal: Portal, chromium: Browser) -> None:
    run = run_of(portal)
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)

    sign_in(page, portal)
    page.get_by_role("link", name="Approvals").first.click()
    page.goto(f"{portal.url}{ROOT}/runs/{run.pk}/")
    expect(page.locator("[data-link]")).to_have_text("live")
    portal.write(w.lines, run, "three")
    expect(page.locator("#L3 .line-text")).to_have_text("three")
    page.goto(f"{portal.url}{ROOT}/replicas/")
    page.locator(".filters input").first.fill("below")  # htmx sends the form
    expect(page.locator("#results")).to_contain_text("below")
    page.wait_for_url(f"{portal.url}{ROOT}/replicas/?*")
    page.goto(f"{portal.url}{ROOT}/notices/")
    page.get_by_role("button", name="Store").click()  # a POST and its redirection
    expect(page.get_by_text("Your choice is stored.")).to_be_visible()

    assert failed == []
    below = (f"{portal.url}{ROOT}/", f"{portal.url.replace('http', 'ws', 1)}{ROOT}/")
    assert [url for url in asked if not url.startswith(below)] == []
    assert any(url.startswith(below[1]) for url in asked)
    assert any("/static/" in url for url in asked)
    assert {cookie["path"] for cookie in context.cookies()} == {f"{ROOT}/"}
    context.close()


def test_links_for_people_who_are_not_signed_in(portal: Portal, chromium: Browser) -> None:
    run = run_of(portal)
    page = chromium.new_context().new_page()
    page.goto(f"{portal.url}{ROOT}/runs/{run.pk}/")
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill(w.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{portal.url}{ROOT}/runs/{run.pk}/")
    page.context.close()


def test_the_path_without_its_slash(portal: Portal) -> None:
    """A proxy that removes the path has removed the difference, too."""
    answer = httpx.get(f"{portal.url}{ROOT}")
    assert (answer.status_code, answer.headers["Location"]) in ((308, f"{ROOT}/"), (302, f"{ROOT}/login/?next={ROOT}/"))


def test_load_balancers_ask_with_and_without_the_path(portal: Portal) -> None:
    for path in (f"{ROOT}/healthz", "/healthz"):
        assert httpx.get(f"{portal.url}{path}", headers={"Host": "192.0.2.5"}).text == "ok\n"
    answer = httpx.get(f"{portal.url}{ROOT}/admin/")
    assert answer.headers["Location"].startswith(f"{ROOT}/")
    assert Path(answer.headers["Location"].partition("?")[0]).parts[:3] == ("/", "tools", "portal")

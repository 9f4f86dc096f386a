"""A day in the console, by clicking, on real hosts: each role does its part, and nobody more."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lab import Host, Lab
from replicas.audit import chain
from replicas.choices import PlanAction, Role, StepState
from replicas.models import AuditEvent, LogLine, Master, Plan, Run, StepRun
from replicas.stream import ansi
from tests.browser.conftest import chromium as chromium  # noqa: PLC0414 - a fixture
from tests.browser.conftest import served
from tests.replicas.views import world as w
from tests.replicas.views.test_access import PAGES, address

pytestmark = [pytest.mark.hosts, pytest.mark.browser]
MASTER, REPLICA = "ipaserver.example.com", "ipareplica.example.com"
RECORD = f"_ldap._tcp.example.com. SRV 0 100 389 {REPLICA}."
RUN_SECONDS = 240_000  # of Playwright: milliseconds
ROWS = "all => all.map(one => [Number(one.id.slice(1)), one.querySelector('.line-text').textContent])"
POST = """async ([path, token]) => {
    const body = new URLSearchParams({ csrfmiddlewaretoken: token, reason: "Because", despite: "Because" });
    return (await fetch(path, { method: "POST", body, redirect: "manual" })).status;
}"""
SOCKET = """([address]) => new Promise((done) => {
    const socket = new WebSocket(address), told = [];
    socket.addEventListener("open", () => socket.send('{"cursor": 0}'));
    socket.addEventListener("message", (event) => { told.push(event.data); socket.close(); });
    socket.addEventListener("close", () => done(told.length));
})"""


@dataclass
class House:
    """A served portal with its worker, people of every role, and a browser for each who signs in."""

    url: str
    browser: Browser
    ask: Callable[..., Any]
    """Runs something on the portal's database."""
    worker: subprocess.Popen[bytes]

    def __post_init__(self) -> None:
        self.contexts: list[BrowserContext] = []

    def sign_in(self, name: str) -> Page:
        context = self.browser.new_context(base_url=self.url, accept_downloads=True)
        context.set_default_navigation_timeout(RUN_SECONDS)
        self.contexts.append(context)
        page = context.new_page()
        page.goto("/login/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(w.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{self.url}/")
        return page


@pytest.fixture
def lab_as_new(lab: Lab) -> Iterator[Lab]:
    yield lab
    for host in lab.hosts:
        host.unblock()
    lab.reset(*lab.hosts)


@pytest.fixture
def patient() -> Iterator[None]:
    """The machine has a realm on it, too."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def house(patient: None, lab_as_new: Lab, chromium: Browser, tmp_path: Path, django_db_blocker: Any) -> Iterator[House]:
    database = connections.settings["default"]
    before = database["NAME"]
    database["NAME"] = str(tmp_path / "portal.sqlite3")
    environment = {"PORTAL_SSH_KEY_FILE": str(lab_as_new.ssh_key), "PORTAL_SWEEP_SECONDS": "1"}
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as pool:
        pool.submit(call_command, "migrate", verbosity=0).result()
        for name, role in (("olga", Role.OPERATOR), ("anna", Role.APPROVER), ("bert", Role.APPROVER)):
            pool.submit(w.person, name, role).result()
        for name, role in (("ada", Role.ADMINISTRATOR), ("vera", Role.VIEWER)):
            pool.submit(w.person, name, role).result()
        portal = served(tmp_path, **environment)
        with portal as url, (tmp_path / "worker.log").open("w") as log:
            worker = manage(portal.environment, log, "worker")
            house = House(url, chromium, lambda work, *given: pool.submit(work, *given).result(), worker)
            try:
                yield house
            finally:
                for context in house.contexts:
                    context.close()
                worker.terminate()
                worker.wait(30)
        pool.submit(connections.close_all).result()
    database["NAME"] = before


def manage(environment: dict[str, str], log: TextIO, *arguments: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "manage.py", *arguments]
    return subprocess.Popen(argv, cwd=settings.BASE_DIR, env=environment, stdout=log, stderr=subprocess.STDOUT)


def test_a_day(house: House, lab_as_new: Lab) -> None:
    master, replica = lab_as_new.master, lab_as_new.host(REPLICA)
    ada = house.sign_in("ada")
    registers_the_master(ada, lab_as_new)
    asks_for_two_approvals(ada)

    olga, anna, bert = house.sign_in("olga"), house.sign_in("anna"), house.sign_in("bert")
    asks(olga, replica)
    refuses(anna, "That site has no IPv6: leave the address out")
    expect_told(olga, "Rejected")
    corrects(olga, replica)
    refused, corrected = house.ask(lambda: list(Plan.objects.order_by("pk").values_list("digest", "steps")))
    assert refused[0] != corrected[0]
    assert str(replica.address6) in str(refused[1])
    assert str(replica.address6) not in str(corrected[1])
    approves(anna, "It needs the approval of somebody else as well.")
    approves(bert, "Approved. The run is queued.")

    olga.goto(bert.url)
    for page in (olga, bert):
        expect(page.locator("[data-step-state=running]").first.or_(page.get_by_text("Running").first)).to_be_visible(
            timeout=RUN_SECONDS
        )
        expect(page.locator("[data-lines] li").first).to_be_visible(timeout=RUN_SECONDS)
    olga.reload()
    with at_rest(house, "Adding DNS records of the services"):
        forget_a_record(master)
    for page in (olga, bert):
        expect(page.locator("[data-run-badge]")).to_have_text("Succeeded", timeout=RUN_SECONDS)
        expect(page.get_by_text("Done in").last).to_be_visible(timeout=RUN_SECONDS)
    stored = house.ask(log_of_the_only_run)
    for page in (olga, bert):
        assert every_line(page, len(stored)) == stored

    repairs_the_dns(olga)
    submits(olga, "DNS updates")
    approves(anna, "It needs the approval of somebody else as well.")
    approves(bert, "Approved. The run is queued.")
    expect_told(olga, "Done", times=2)
    answer = replica.run(["dig", "+short", f"@{master.address}", "_ldap._tcp.example.com", "SRV"]).stdout.decode()
    assert f"0 100 389 {REPLICA}." in answer
    look_until(olga, missing=0)

    vera = house.sign_in("vera")
    takes_the_history(vera)
    verifies_it(vera)
    assert house.ask(chain.verify).problem == ""
    nobody_does_more(house, {"viewer": vera, "operator": olga, "approver": anna, "administrator": ada})


def registers_the_master(page: Page, lab: Lab) -> None:
    page.goto("/masters/register/")
    page.get_by_label("Host name").fill(MASTER)
    page.get_by_label("SSH address").fill(str(lab.master.address))
    page.get_by_role("button", name="Read its host key").click()
    expect(page.get_by_text(lab.master.fingerprint).first).to_be_visible()
    page.get_by_label("I compared the fingerprint").check()
    page.get_by_label("Directory Manager password").fill(lab.secrets.directory_manager)
    page.get_by_label("Kerberos password of admin").fill(lab.secrets.admin)
    page.get_by_role("button", name="The fingerprint is the same: register").click()
    expect(page.get_by_role("heading", name=MASTER)).to_be_visible(timeout=RUN_SECONDS)


def asks_for_two_approvals(page: Page) -> None:
    page.get_by_role("link", name="Policy").click()
    page.get_by_label("approvals", exact=False).first.fill("2")
    page.get_by_label("Reason").fill("Two people decide here")
    page.get_by_role("button", name="Store the policy").click()
    expect(page.get_by_text("The policy is stored.")).to_be_visible()


def asks(page: Page, host: Host) -> None:
    page.goto("/replicas/request/")
    page.locator("#id_hostname").fill(REPLICA.upper())
    page.locator("#id_master").select_option(label=MASTER)
    page.locator("#id_ssh_address").fill(str(host.address))
    page.locator("#id_ip_addresses").fill(f"{host.address}\n{host.address6}")
    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_text(f"Did you mean {REPLICA}?")).to_be_visible()
    page.locator("#id_hostname").fill(REPLICA)
    page.get_by_role("button", name="Show the plan").click()
    compares(page, host)
    submits(
        page,
        "Directory Manager password",
        "Blank host",
        "Space and clocks",
        "Name in the DNS",
        "Replication of the master",
    )


def corrects(page: Page, host: Host) -> None:
    """What was refused is asked for in another way."""
    page.goto("/replicas/")
    page.get_by_role("link", name=REPLICA).click()
    expect(page.get_by_text("That site has no IPv6")).to_be_visible()
    page.get_by_role("link", name="Request another like this").click()
    page.locator("#id_hostname").fill(REPLICA)
    page.locator("#id_ssh_address").fill(str(host.address))
    page.locator("#id_ip_addresses").fill(str(host.address))
    page.get_by_role("button", name="Show the plan").click()
    submits(page)


def log_of_the_only_run() -> list[tuple[int, str]]:
    lines = LogLine.objects.order_by("seq").values_list("seq", "text")
    return [(seq, ansi.plain(text)) for seq, text in lines]


def every_line(page: Page, count: int) -> list[tuple[int, str]]:
    """What somebody reads who scrolls through the whole log: numbers and texts."""
    log, found = page.locator("[data-log]"), dict[int, str]()
    log.press("Home")
    for _ in range(count):
        page.wait_for_timeout(50)
        found |= dict(page.locator("[data-lines] li:not([data-awaited])").evaluate_all(ROWS))
        if len(found) == count:
            break
        log.evaluate("log => log.scrollBy(0, log.clientHeight / 2)")
    return sorted(found.items())


def repairs_the_dns(page: Page) -> None:
    """From the page of the realm, which says what is missing where."""
    look_until(page, missing=1)
    expect(page.locator("tr.missing")).to_contain_text(f"389 {REPLICA}.")
    page.locator("summary", has_text="Add the missing records").click()
    page.get_by_role("button", name="Show the plan").click()


def look_until(page: Page, missing: int) -> None:
    """Have the realm looked at until its page for DNS marks so many records of the replica and the master."""
    for _ in range(60):
        page.goto("/realms/1/dns/")
        if page.get_by_text(REPLICA).count() and page.locator("tr.missing").count() == missing:
            return
        page.get_by_role("button", name="Refresh now").click()
        page.wait_for_timeout(1000)
    pytest.fail(page.content())


def compares(page: Page, host: Host) -> None:
    """Enter the fingerprint that the host's own console shows."""
    page.get_by_label("Fingerprint on the host's console").fill(host.fingerprint, timeout=RUN_SECONDS)


def submits(page: Page, *good: str) -> None:
    """What the page shows, once the hosts were looked at."""
    expect(page.get_by_text("Exactly what will be done")).to_be_visible()
    for name in good:
        expect(page.locator(".finding-ok", has_text=name)).to_have_count(1, timeout=RUN_SECONDS)
    page.get_by_role("button", name="Submit for approval").click(timeout=RUN_SECONDS)
    expect(page.get_by_text("Submitted. Someone else has to approve the plan now.")).to_be_visible()


def open_the_plan(page: Page) -> None:
    page.goto("/approvals/")
    page.get_by_role("row", name=REPLICA).get_by_role("link", name="Review").click()


def refuses(page: Page, reason: str) -> None:
    open_the_plan(page)
    expect(page.get_by_text("0 of 2")).to_be_visible()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Rejected. The requester sees the reason.")).to_be_visible()


def approves(page: Page, said: str) -> None:
    open_the_plan(page)
    page.get_by_label("Reason").fill("As agreed")
    page.get_by_role("button", name="Approve and run").click()
    expect(page.get_by_text(said)).to_be_visible()


def act(page: Page, name: str, **fields: str) -> None:
    """Open a button's form, fill it in and send it."""
    box = page.locator("details.act", has=page.locator("summary", has_text=re.compile(rf"^\s*{name}\s*$")))
    box.locator("summary").click()
    for label, value in fields.items():
        box.get_by_label(label).fill(value)
    box.get_by_role("button", name=name).click()


def expect_told(page: Page, kind: str, times: int = 1) -> None:
    """The person's notices, which are looked at until they say it."""

    def told() -> bool:
        page.goto("/notices/")
        return page.locator(".rows .state", has_text=kind).count() >= times

    for _ in range(240):
        if told():
            return
        page.wait_for_timeout(500)
    pytest.fail(f"nobody was told «{kind}»: {page.content()}")


@contextmanager
def at_rest(house: House, title: str) -> Iterator[None]:
    """The worker stands still after that step, until the block ends."""

    def done() -> bool:
        return StepRun.objects.filter(title=title, state=StepState.DONE).exists()

    deadline = time.monotonic() + RUN_SECONDS / 1000
    while not house.ask(done):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(house.worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(house.worker.pid, signal.SIGCONT)


def forget_a_record(master: Host) -> None:
    update = f"server 127.0.0.1\nupdate delete {RECORD}\nsend\n"
    master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=update.encode())


def takes_the_history(page: Page) -> None:
    page.goto("/history/?kind=plan")
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON Lines").click()
    events = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert [event["verb"] for event in events if event["actor"] in ("anna", "bert")] == [
        "plan:reject",
        *["plan:approve"] * 4,
    ]
    assert {event["kind"] for event in events} == {"plan"}


def verifies_it(page: Page) -> None:
    page.goto("/history/")
    page.get_by_role("button", name="Verify now").click()
    for _ in range(60):
        if page.get_by_text("Verified by vera").count():
            break
        page.wait_for_timeout(500)
        page.goto("/history/")
    expect(page.get_by_text("each following the one before")).to_be_visible()
    expect(page.get_by_text("Verified by vera")).to_be_visible()


def nobody_does_more(house: House, pages: dict[str, Page]) -> None:
    """Each role, and somebody without one: by address, by form with the page's own token, and by socket."""
    house.ask(w.person, "nils", None)
    world = house.ask(everything)
    for role, page in (pages | {"nobody": house.sign_in("nils")}).items():
        barred = [name for name, one in PAGES.items() if role not in one.allowed and not one.own]
        assert barred, role
        before = house.ask(refusals)
        page.goto("/notices/")  # one that most have; the page that says no has a token as well
        extra = 0 if role != "nobody" else 1
        token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
        for name in barred:
            where = house.ask(address, name, world)
            if PAGES[name].method == "post":
                assert page.evaluate(POST, [where, token]) == 403, f"{role}: {name}"
            else:
                answer = page.request.get(where)
                assert answer.status == 403, f"{role}: {name}"
        assert house.ask(refusals) - before == len(barred) + extra, role
        assert bool(page.evaluate(SOCKET, [socket_of(house)])) == (role != "nobody")
    strangers_are_shut_out(house)


def everything() -> SimpleNamespace:
    """What the addresses of the ladder are about."""
    run = Run.objects.filter(plan__action=PlanAction.INSTALL).latest("pk")
    return SimpleNamespace(
        master=Master.objects.get(), verified=run.plan.replica, failed=run, bypassed=run, running=run,
        waiting=Plan.objects.latest("pk"), webhook=w.webhook("chat", "https://chat.example.com/hooks/1"),
    )  # fmt: skip


def refusals() -> int:
    return AuditEvent.objects.filter(verb="access:refuse").count()


def socket_of(house: House) -> str:
    return f"{house.url.replace('http', 'ws', 1)}/ws/runs/1/"


def strangers_are_shut_out(house: House) -> None:
    """Who is not signed in, by address and socket; and another site, even with the cookies of somebody who is."""
    context = house.browser.new_context(base_url=house.url)
    house.contexts.append(context)
    for path in ("/", "/history/", "/runs/1/", "/replicas/1/", "/notices/", "/history/events.csv", "/realms/1/dns/"):
        stranger = context.request.get(path, max_redirects=0)
        assert stranger.status == 302
        assert "/login/" in stranger.headers["location"]
    page = context.new_page()
    page.goto("/login/")
    assert page.evaluate(SOCKET, [socket_of(house)]) == 0
    vera = house.sign_in("vera")
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in vera.context.cookies())
    assert handshake(house, cookies, house.url) == 101
    assert handshake(house, cookies, "https://elsewhere.example.org") == 403
    assert handshake(house, "", house.url) == 403


def handshake(house: House, cookies: str, origin: str) -> int:
    """The status of a WebSocket's first answer."""
    connection = http.client.HTTPConnection(urlsplit(house.url).netloc, timeout=10)
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin, "Cookie": cookies}  # fmt: skip
    connection.request("GET", "/ws/runs/1/", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status

"""Every page, wide and at phone width, light and dark: no error in the console, nothing beside the screen, and nothing
that keeps people with a screen reader or a keyboard out (axe-core: WCAG 2.2 A and AA, and its best practices)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from replicas.choices import NoticeKind, PlanState, ReplicaState, RunState
from replicas.lifecycle import looking
from replicas.models import AuditEvent, Delivery, Notice, RealmLook, Run, Webhook
from replicas.views.login import MOST_FAILURES
from tests.browser.conftest import Portal, served
from tests.browser.sshd import Sshd, sshd
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World, around
from tests.replicas.views.test_access import PAGES, address
from tests.replicas.views.test_realms import DNS, HEALTH

pytestmark = pytest.mark.browser
AXE = Path(settings.BASE_DIR, "var", "accessibility", "node_modules", "axe-core", "axe.min.js")
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 740}}
GROUNDS = {"light": "rgb(244, 246, 249)", "dark": "rgb(17, 26, 36)"}
NO_PAGES = {
    "replica_bulk_example": "a table to download",
    "counters": "a part of every page",
    "run_lines": "JSON for run.js",
    "run_find": "JSON for run.js",
    "run_log": "text",
    "history_export": "a file",
}
"""Addresses that show nothing, and what they give."""
FIRST = {
    "realms": "There is no realm yet",
    "dashboard": "An administrator registers the master of a realm",
    "masters": "No master is registered. Register the first server of a realm",
    "master_register": "Step 1 of 2: where the master is",
    "replicas": "A replica is made from a master, and none is registered.",
    "replica_request": "A replica is made from a master, and none is registered.",
    "replica_bulk": "A replica is made from a master, and none is registered.",
    "approvals": "No plan waits for a decision. Each request comes here with its plan",
    "bundles": "An approved request seals one for its host",
    "notices": "You will read here what waits for you",
    "webhooks": "No webhook is told anything. Add one above.",
    "history": "The history was not verified yet.",
}
"""What each page says in a portal that is new."""
SignIn = Callable[..., Page]


class Site(NamedTuple):
    """A portal with everything there is to see; `run` has names and texts of the longest kind."""

    portal: Portal
    world: World
    run: Run
    sshd: Sshd


@pytest.fixture(scope="module")
def site(portal: Portal) -> Iterator[Site]:
    with sshd() as server:
        yield portal.write(build, portal, server)


def build(portal: Portal, server: Sshd) -> Site:
    people = {user.username: user for user in User.objects.all()}
    people["administrator"].is_staff = True
    people["administrator"].save()
    world = around(portal.master, people)
    run = failed(portal, "replica.a-rather-long-subdomain.of-a-site.example.com")
    told(run, "chat")
    RealmLook.objects.create(realm=portal.master.realm, at=timezone.now(), **looking.found(HEALTH, DNS))
    portal.master.ssh_address, portal.master.ssh_port = server.address, server.port
    portal.master.save()
    same, nobody = world.verified, world.running.plan.replica
    same.ssh_address, same.ssh_port, same.host_key.fingerprint = server.address, server.port, server.fingerprint
    same.host_key.save()
    same.save()
    nobody.ssh_address, nobody.ssh_port = server.address, 1
    nobody.save()
    assert world.draft
    assert world.table
    assert world.bypassed
    assert world.webhook
    return Site(portal, world, run, server)


class Look(NamedTuple):
    """One size and colour scheme: pages for whoever signs in, and what was wrong on them."""

    site: Site
    name: str
    sign_in: SignIn
    options: dict[str, Any]
    pages: dict[str, Page]
    wrong: list[str]

    def of(self, who: str) -> Page:
        if who not in self.pages:
            self.pages[who] = page = self.sign_in(who, **self.options)
            page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        return self.pages[who]

    def check(self, page: Page, name: str) -> None:
        """With everything opened that can be."""
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        self.wrong.extend(f"{name}: {one}" for one in found(page, self.options["viewport"]["width"]))


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join)
def look(request: pytest.FixtureRequest, site: Site, sign_in: SignIn) -> Iterator[Look]:
    """Whatever was found wrong is told at the end, all of it."""
    size, scheme = request.param
    options = {"viewport": SIZES[size], "color_scheme": scheme}
    made = Look(site, f"{size}-{scheme}", sign_in, options, {}, [])
    yield made
    if made.wrong:
        pytest.fail("\n".join(made.wrong), pytrace=False)


def background(page: Page) -> str:
    """Of the page itself; a playwright page tells it even if it may run no script of its own."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


def found(page: Page, width: int) -> list[str]:
    beside = page.evaluate("document.documentElement.scrollWidth")
    return violations(page) + ([f"{beside} px wide"] if beside > width else [])


def violations(page: Page) -> list[str]:
    """What axe-core finds, worded: the rule, what it wants, and where."""
    page.evaluate(AXE.read_text())
    rules: list[dict[str, Any]] = page.evaluate("axe.run().then(result => result.violations)")
    return [
        f"{rule['id']}: {rule['help']}: {node['html']} {node['failureSummary']}"
        for rule in rules
        for node in rule["nodes"]
    ]


def test_it_fits_and_runs_clean(look: Look) -> None:
    """A new page is one of PAGES, and so it cannot be forgotten here."""
    for name in PAGES:
        if PAGES[name].method != "get" or name in NO_PAGES:
            continue
        page = look.of("operator" if PAGES[name].own else "root")
        with quiet(page, look.wrong):
            answer = page.goto(look.site.portal.write(address, name, look.site.world))
            assert answer is not None
            assert answer.status == 200, name
            assert background(page) == GROUNDS[look.options["color_scheme"]]
            look.check(page, name)


@contextmanager
def quiet(page: Page, wrong: list[str]) -> Iterator[None]:
    """Nothing is said in the console within the block."""

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(f"{page.url}: {message.text}")

    page.on("console", listen)
    yield
    page.remove_listener("console", listen)


def test_what_gives_no_page_is_no_page(site: Site, sign_in: SignIn) -> None:
    page = sign_in("root")
    for name in NO_PAGES:
        answer = page.request.get(site.portal.write(address, name, site.world))
        assert answer.status == 200
        assert "<html" not in answer.text(), name


def test_lists_that_are_filtered_and_objects_in_every_state(look: Look) -> None:
    world, run = look.site.world, look.site.run
    for who, path in (
        ("operator", "/replicas/?state=verified"),
        ("operator", "/replicas/?hostname=no-such-host"),
        ("operator", "/bundles/?state=used"),
        ("operator", "/bundles/?hostname=no-such-host"),
        ("viewer", "/history/?kind=plan&actor=operator"),
        ("viewer", "/history/?since=2020-01-01&text=submitted"),
        ("viewer", "/history/?text=no-such-word"),
        ("viewer", "/history/?kind=no-such-kind"),
        ("viewer", f"/history/replica/{run.plan.replica_id}/"),
        ("viewer", f"/runs/{world.failed.pk}/?q=line"),
        ("viewer", f"/runs/{world.failed.pk}/?q=no-such-line"),
        ("operator", f"/runs/{run.pk}/"),
        ("operator", f"/runs/{world.running.pk}/"),
        ("operator", f"/replicas/{world.waiting.replica_id}/"),
        ("operator", f"/replicas/{world.running.plan.replica_id}/"),
        ("operator", f"/replicas/{run.plan.replica_id}/"),
        ("approver", "/"),
        ("approver", f"/plans/{world.waiting.pk}/"),
        ("administrator", f"/plans/{world.waiting.pk}/"),
        ("administrator", f"/masters/{world.master.pk}/host-key/"),
        ("administrator", f"/replicas/{world.verified.pk}/host-key/"),
        ("administrator", f"/replicas/{world.running.plan.replica_id}/host-key/"),
    ):
        page = look.of(who)
        with quiet(page, look.wrong):
            page.goto(path)
            look.check(page, f"{path} of {who}")


def test_host_keys_are_compared(site: Site, sign_in: SignIn) -> None:
    """What the pages above were looked at with: a changed key, the pinned one, and nobody there."""
    page = sign_in("administrator")
    for path, shown in (
        (f"/masters/{site.world.master.pk}/host-key/", "The fingerprint is the same: accept the new key"),
        (f"/replicas/{site.world.verified.pk}/host-key/", "There is nothing to accept."),
        (f"/replicas/{site.world.running.plan.replica_id}/host-key/", "cannot be reached by SSH"),
    ):
        page.goto(path)
        expect(page.get_by_text(shown)).to_be_visible()


def test_forms_that_come_back(look: Look) -> None:
    """With what is wrong in them, and the answers that are pages of their own."""
    world = look.site.world
    for who, path, form in (
        ("operator", "/replicas/request/", "main form"),
        ("operator", f"/requests/{look.site.portal.write(lambda: world.draft.pk)}/", "form[action$='/submit/']"),
        ("operator", look.site.portal.write(address, "table", world), "form[action$='/submit/']"),
        ("operator", "/replicas/bulk/", "main form"),
        ("operator", f"/replicas/{world.failed.plan.replica_id}/", "form[action$='/undo/']"),
        ("operator", f"/replicas/{world.verified.pk}/", "form[action$='/dns/']"),
        ("approver", f"/plans/{world.waiting.pk}/", "form[action$='/approve/'], form:has([formaction$='/approve/'])"),
        ("administrator", "/masters/register/", "main form"),
        ("administrator", f"/masters/{world.master.pk}/", "form[action$='/passwords/']"),
        ("administrator", f"/masters/{world.master.pk}/change/", "main form"),
        ("administrator", f"/masters/{world.master.pk}/policy/", "main form"),
        ("administrator", f"/masters/{world.master.pk}/host-key/", "main form"),
        ("administrator", "/webhooks/", "main form[action='/webhooks/']"),
    ):
        page = look.of(who)
        page.goto(path)
        send(page, form)
        expect(page.locator(".is-invalid, .invalid-feedback, .alert, .notice-bad").first).to_be_attached()
        look.check(page, f"{path} of {who}, sent empty")


def test_the_second_step_of_registering_a_master(look: Look) -> None:
    page, server = look.of("administrator"), look.site.sshd
    page.goto("/masters/register/")
    page.get_by_label("Host name").fill("ipaserver2.example.com")
    page.get_by_label("SSH address").fill(server.address)
    page.get_by_label("SSH port").fill(str(server.port))
    send(page, "main form")
    expect(page.locator("#fingerprint")).to_have_text(server.fingerprint)
    look.check(page, "the second step")
    send(page, "main form")
    expect(page.locator(".invalid-feedback").first).to_be_attached()
    look.check(page, "the second step, sent empty")


def test_the_one_page_that_shows_a_secret(look: Look) -> None:
    page = look.of("administrator")
    page.goto("/webhooks/")
    page.locator("summary", has_text="Add a webhook").click()
    form = page.locator("details[open] form")
    form.get_by_label("Name").fill(look.name)
    form.get_by_label("Address").fill("https://chat.example.com/hooks/1")
    form.get_by_role("button", name="Add a webhook").click()
    expect(page.locator("#secret")).to_be_visible()
    look.check(page, "a webhook's secret")


def test_signing_in(look: Look, chromium: Browser) -> None:
    """An address of its own, which the tests beside do not have to wait with."""
    headers = {"X-Forwarded-For": f"192.0.2.{100 + len(look.name)}{look.options['viewport']['width'] % 7}"}
    context = chromium.new_context(base_url=look.site.portal.url, extra_http_headers=headers, **look.options)
    page = context.new_page()
    page.goto("/login/?next=/replicas/")
    look.check(page, "signing in")
    sign_in_wrongly(page)
    expect(page.get_by_text("Please enter a correct username and password.")).to_be_visible()
    look.check(page, "a wrong password")
    for _ in range(MOST_FAILURES):
        sign_in_wrongly(page)
    expect(page.get_by_text("Too many attempts from your address failed.")).to_be_visible()
    look.check(page, "too many tries")
    context.close()


def sign_in_wrongly(page: Page) -> None:
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill("a guess of somebody")
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()


def test_what_is_not_there_not_allowed_or_broken(look: Look) -> None:
    realm = f"/realms/{look.site.world.master.realm_id}/"
    page = look.of("viewer")
    for path, status in (("/replicas/request/", 403), ("/replicas/999999/", 404), ("/no/such/page/", 404)):
        look_at(look, page, path, status)
    with changed(look.site.portal, broken_look, whole_look):
        look_at(look, page, realm, 500)
    away, back = ("ALTER TABLE replicas_auditcheck{} RENAME TO replicas_auditcheck{}".format(*names)
                  for names in (("", "_away"), ("_away", "")))  # fmt: skip
    with changed(look.site.portal, lambda: execute(away), lambda: execute(back)):
        look_at(look, page, "/history/", 503)
    look_at(look, page, "/history/", 200)


def look_at(look: Look, page: Page, path: str, status: int) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status
    look.check(page, f"{path}, {status}")


@contextmanager
def changed(portal: Portal, one: Callable[[], object], back: Callable[[], object]) -> Iterator[None]:
    portal.write(one)
    yield
    portal.write(back)


def broken_look() -> None:
    """As no portal writes it."""
    RealmLook.objects.update(health={"servers": 1})


def whole_look() -> None:
    RealmLook.objects.update(health=HEALTH)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_admin_of_support_staff(look: Look) -> None:
    event = look.site.portal.write(lambda: AuditEvent.objects.latest("pk").pk)
    replica, person = look.site.world.verified.pk, look.site.world.people["viewer"].pk
    page = look.of("administrator")
    for path in (
        "",
        "replicas/",
        "replicas/replica/",
        f"replicas/replica/{replica}/change/",
        f"replicas/replica/{replica}/history/",
        "replicas/auditevent/",
        f"replicas/auditevent/{event}/change/",
        f"replicas/plan/{look.site.world.waiting.pk}/change/",
        "replicas/credential/",
        "auth/user/",
        "auth/user/?is_active__exact=0",
        "auth/user/add/",
        f"auth/user/{person}/change/",
        f"auth/user/{person}/password/",
    ):
        with quiet(page, look.wrong):
            answer = page.goto(f"/admin/{path}", wait_until="networkidle")
        assert answer is not None
        assert answer.status == 200
        look.check(page, f"/admin/{path}")


def test_a_portal_that_is_new(new: str, look: Look) -> None:
    """Each page says what to do first."""
    page = look.sign_in("root", base_url=new, **look.options)
    for name in (name for name, one in PAGES.items() if one.method == "get" and not one.subject and not one.more):
        if name not in NO_PAGES:
            with quiet(page, look.wrong):
                page.goto(new + reverse(name))
                expect(page.get_by_text(FIRST[name])).to_be_visible()
                look.check(page, f"{name} of a new portal")


def test_a_new_portal_leads_to_its_first_master(new: str, sign_in: SignIn) -> None:
    """From wherever somebody begins."""
    page = sign_in("root", base_url=new)
    for label in ("Approvals", "Bundles"):
        page.get_by_role("link", name=label, exact=True).click()
        page.locator(".empty").first.get_by_role("link", name="Request a replica").click()
        page.locator(".empty").get_by_role("link", name="Register a master").click()
        expect(page.get_by_text(FIRST["master_register"])).to_be_visible()


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a portal in which there is one person, and nothing else."""
    server = served(tmp_path_factory.mktemp("new"))
    person = {"DJANGO_SUPERUSER_USERNAME": "root", "DJANGO_SUPERUSER_PASSWORD": w.PASSWORD}
    for command in (["migrate"], ["createsuperuser", "--no-input", "--email", "root@example.com"]):
        argv = [sys.executable, "manage.py", *command, "--verbosity", "0"]
        subprocess.run(argv, cwd=settings.BASE_DIR, env=server.environment | person, check=True)
    with server as url:
        yield url


def send(page: Page, form: str) -> None:
    """As somebody does whose browser does not look at fields itself."""
    with page.expect_navigation():
        page.locator(form).first.evaluate("form => { form.noValidate = true; form.requestSubmit(); }")


def told(run: Run, name: str) -> Webhook:
    """Notices of all kinds, and a webhook that could not be reached."""
    root = User.objects.get(username="root")
    for kind in NoticeKind:
        Notice.objects.create(recipient=root, kind=kind, plan=run.plan, run=run, actor="olga", reason="Needed in Ulm")
    hook = w.webhook(name, "https://chat.example.com/hooks/a-rather-long-path-that-does-not-fit-on-a-phone")
    error = "It could not be reached: [Errno 111] Connection refused."
    Delivery.objects.create(webhook=hook, body={"type": "run.failed"}, attempts=2, error=error)
    return hook


def test_times_are_in_the_readers_zone(portal: Portal, sign_in: SignIn) -> None:
    run = portal.write(failed, portal, "tokyo.example.com")
    page = sign_in("viewer", timezone_id="Asia/Tokyo")
    page.goto(f"/replicas/{run.plan.replica_id}/")
    assert page.locator(".whoami").get_by_text("Asia/Tokyo").is_visible()
    shown = page.locator("time[title]").first
    assert "+09:00" in (shown.get_attribute("datetime") or "")
    assert (shown.get_attribute("title") or "").endswith("JST")


def failed(portal: Portal, hostname: str) -> Run:
    replica = w.request(portal.master, hostname, User.objects.get(username="operator"), ReplicaState.FAILED)
    run = w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.FAILED, 6, error="UDP 88.", remedy="Open it.")
    w.bundle_of(run)
    w.lines(run, "one", "x" * 300)
    key = "SHA256:" + "k" * 43
    w.event("root", "hostkey:accept", "hostkey", 1, f"{hostname} {key}", before={"key": key}, after={"key": key[::-1]})
    w.event("operator", "plan:submit", "plan", run.plan_id, hostname, after={"steps": ["Adding DNS records"] * 17})
    w.event("operator", "replica:request", "replica", replica.pk, hostname, after={"hostname": hostname, "ca": True})
    return run

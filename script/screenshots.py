"""Every page of a portal that has just worked on real hosts: one replica verified, one failed, one that waits."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from lab import Host, Lab
from script import scene
from script.people import Person
from script.processes import ROOT

if TYPE_CHECKING:
    from replicas.models import Master, Plan, Run

CHROMIUM = "/usr/bin/chromium"
DATA = ROOT / "var" / "screenshots"
LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 860}},
    "phone": {"viewport": {"width": 390, "height": 844}},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
}
TALLEST, QUALITY = 1600, 60
"""Of a picture: pixels, and JPEG's measure. Long pages show how they begin."""
KDC = 88
RUN_SECONDS = 300
T = TypeVar("T")


class Scene(NamedTuple):
    """What was played."""

    verified: Run
    failed: Run
    waiting: Plan
    draft: str
    table: str
    blank: Host

    @property
    def master(self) -> Master:
        return self.waiting.replica.master


def nothing(page: Page, seen: Scene) -> None:
    """The page as it comes."""


class Shot(NamedTuple):
    """Who looks at which page; what is done on it first, and what holds meanwhile."""

    who: str
    path: Callable[[Scene], str]
    first: Callable[[Page, Scene], object] = nothing
    meanwhile: Callable[[], AbstractContextManager[object]] = nullcontext


def at(name: str, *keys: Callable[[Scene], object]) -> Callable[[Scene], str]:
    """The address of a page about these things."""

    def path(seen: Scene) -> str:
        from django.urls import reverse

        return reverse(name, args=[key(seen) for key in keys])

    return path


def inspect_a_master(page: Page, seen: Scene) -> None:
    """The second step."""
    page.get_by_label("Host name").fill(seen.blank.name)
    page.get_by_label("SSH address").fill(str(seen.blank.address))
    page.get_by_role("button", name="Read its host key").click()
    page.locator("#fingerprint").wait_for()


@contextmanager
def defect() -> Iterator[None]:
    """A realm's health as no portal writes it."""
    from replicas.models import RealmLook

    look = apart(RealmLook.objects.get)
    apart(lambda: RealmLook.objects.update(health={"servers": 1}))
    yield
    apart(lambda: RealmLook.objects.update(health=look.health))


@contextmanager
def no_database() -> Iterator[None]:
    """For the page of the history: a table of it is away."""
    there, away = "replicas_auditcheck", "replicas_auditcheck_away"
    apart(lambda: execute(f"ALTER TABLE {there} RENAME TO {away}"))
    yield
    apart(lambda: execute(f"ALTER TABLE {away} RENAME TO {there}"))


def execute(statement: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)


def apart(work: Callable[[], T]) -> T:
    """In a thread of its own: Django's database may not be asked where Playwright has its loop."""
    from django.db import connections

    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(work).result()
        finally:
            pool.submit(connections.close_all).result()


MASTER = (lambda seen: seen.master.pk,)
REALM = (lambda seen: seen.master.realm_id,)
SHOTS = {
    "login": Shot("", at("login")),
    "dashboard": Shot("approver", at("dashboard")),
    "masters": Shot("administrator", at("masters")),
    "master": Shot("administrator", at("master", *MASTER)),
    "master_register": Shot("administrator", at("master_register")),
    "master_register:2": Shot("administrator", at("master_register"), inspect_a_master),
    "master_host_key": Shot("administrator", at("master_host_key", *MASTER)),
    "master_change": Shot("administrator", at("master_change", *MASTER)),
    "policy": Shot("administrator", at("policy", *MASTER)),
    "realms": Shot("operator", at("realms")),
    "realm": Shot("operator", at("realm", *REALM)),
    "realm_dns": Shot("operator", at("realm_dns", *REALM)),
    "replicas": Shot("operator", at("replicas")),
    "replica_request": Shot("operator", at("replica_request")),
    "replica_bulk": Shot("operator", at("replica_bulk")),
    "replica": Shot("operator", at("replica", lambda seen: seen.verified.plan.replica_id)),
    "replica:failed": Shot("operator", at("replica", lambda seen: seen.failed.plan.replica_id)),
    "replica_host_key": Shot("administrator", at("replica_host_key", lambda seen: seen.waiting.replica_id)),
    "draft": Shot("operator", lambda seen: seen.draft),
    "table": Shot("operator", lambda seen: seen.table),
    "approvals": Shot("approver", at("approvals")),
    "plan": Shot("approver", at("plan", lambda seen: seen.waiting.pk)),
    "run": Shot("operator", at("run", lambda seen: seen.verified.pk)),
    "run:failed": Shot("operator", at("run", lambda seen: seen.failed.pk)),
    "bundles": Shot("operator", at("bundles")),
    "notices": Shot("operator", at("notices")),
    "webhooks": Shot("administrator", at("webhooks")),
    "webhook": Shot("administrator", at("webhook", lambda seen: 1)),
    "history": Shot("viewer", at("history")),
    "timeline": Shot("viewer", at("timeline", lambda seen: "replica", lambda seen: seen.verified.plan.replica_id)),
    "admin": Shot("administrator", at("admin:index")),
    "admin:replicas": Shot("administrator", at("admin:replicas_replica_changelist")),
    "error:403": Shot("viewer", at("replica_request")),
    "error:404": Shot("viewer", lambda seen: "/no/such/page/"),
    "error:500": Shot("viewer", at("realm", *REALM), meanwhile=defect),
    "error:503": Shot("viewer", at("history"), meanwhile=no_database),
}
"""Every page, by the name of its address, and after a colon which of several; tests compare with the addresses."""


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        lab = stack.enter_context(scene.hosts("screenshots", 5, 2000))
        key = {"PORTAL_SSH_KEY_FILE": str(lab.ssh_key)}
        address, people = stack.enter_context(scene.served(DATA, 0, key))
        seen = play(lab, lambda name: Person(address, name, people[name], scene.consoles(lab)))
        paths = {name: shot.path(seen) for name, shot in SHOTS.items()}
        browser = stack.enter_context(chromium())
        for look, options in LOOKS.items():
            take(browser, address, people, seen, paths, folder, look, options)
    print(f"{len(SHOTS) * len(LOOKS)} pictures in {folder}")
    return 0


def play(lab: Lab, person: Callable[[str], Person]) -> Scene:
    """Do what there is to see."""
    administrator, operator, approver = map(person, ("administrator", "operator", "approver"))
    scene.register(administrator, lab)
    add_webhook()
    first, second, third, *others = lab.hosts[1:]
    asked = scene.ask(operator, first, setup_ca="on", setup_dns="on", no_forwarders="on")
    verified = ended(scene.approve(approver, asked, "Second site, as agreed"))
    second.block(KDC, "udp")
    failed = ended(scene.approve(approver, scene.ask(operator, second), "Third site"))
    wanted = scene.request(third, setup_dns="on", forwarders="192.0.2.53", forward_policy="only")
    draft = operator.look("/replicas/request/", wanted)
    waiting = scene.ask(operator, third, setup_dns="on", forwarders="192.0.2.53", forward_policy="only")
    table = operator.look("/replicas/bulk/", {"content": rows(others)})
    scene.look(operator, asked.replica.master.realm_id)
    return Scene(verified, failed, waiting, draft.url.path, table.url.path, others[0])


def add_webhook() -> None:
    """To where nobody listens, so that there is something on its way."""
    from replicas.clients.webhook import new_secret
    from replicas.models import Webhook

    Webhook(name="chat", url="https://chat.example.com/hooks/replicas", set_by="administrator").enclose(
        new_secret()
    ).save()


def rows(hosts: Sequence[Host]) -> str:
    lines = (f"{host.name},{scene.MASTER},{host.address},{host.address} {host.address6}" for host in hosts)
    return "\n".join(("hostname,master,ssh_address,ip_addresses", *lines))


def ended(run: Run) -> Run:
    """The run, once it has ended."""
    deadline = time.monotonic() + RUN_SECONDS
    while run.finished_at is None:
        if time.monotonic() > deadline:
            raise SystemExit(f"The run {run.pk} has not ended within {RUN_SECONDS} s: {DATA / 'worker.log'}")
        time.sleep(0.2)
        run.refresh_from_db()
    return run


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def take(
    browser: Browser,
    address: str,
    people: dict[str, str],
    seen: Scene,
    paths: dict[str, str],
    folder: Path,
    look: str,
    options: dict[str, Any],
) -> None:
    """One picture of each page in one look."""
    open_pages: dict[str, Page] = {}
    for name, shot in SHOTS.items():
        if shot.who not in open_pages:
            open_pages[shot.who] = browser.new_context(base_url=address, **options).new_page()
            sign_in(open_pages[shot.who], shot.who, people.get(shot.who, ""))
        page = open_pages[shot.who]
        with shot.meanwhile():
            page.goto(paths[name])
            shot.first(page, seen)
            page.wait_for_load_state("networkidle")
            width = options["viewport"]["width"]
            height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
            clip = FloatRect(x=0, y=0, width=width, height=height)
            file = folder / f"{file_of(name)}-{look}.jpg"
            page.screenshot(path=file, quality=QUALITY, type="jpeg", full_page=True, clip=clip)
    for page in open_pages.values():
        page.context.close()


def file_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name)


def sign_in(page: Page, name: str, password: str) -> None:
    if not name:
        return
    page.goto("/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

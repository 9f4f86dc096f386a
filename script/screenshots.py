"""Every page of a portal that has just worked on real hosts: one replica verified, one failed, one that waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from lab import Lab
from script import scene
from script.people import Person
from script.processes import ROOT

if TYPE_CHECKING:
    from replicas.models import Run

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


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        lab = stack.enter_context(scene.hosts("screenshots", 3, 2000))
        key = {"PORTAL_SSH_KEY_FILE": str(lab.ssh_key)}
        address, people = stack.enter_context(scene.served(DATA, 0, key))
        pages = play(lab, lambda name: Person(address, name, people[name]))
        browser = stack.enter_context(chromium())
        for look, options in LOOKS.items():
            take(browser, address, people, pages, folder, look, options)
    print(f"{len(pages) * len(LOOKS)} pictures in {folder}")
    return 0


def play(lab: Lab, person: Callable[[str], Person]) -> dict[str, tuple[str, str]]:
    """Do what there is to see; gives each page's name with who looks at it, and its address."""
    administrator, operator, approver = map(person, ("administrator", "operator", "approver"))
    scene.register(administrator, lab)
    first, second, third = lab.hosts[1:]
    asked = scene.ask(operator, first, setup_ca="on", setup_dns="on", no_forwarders="on")
    verified = ended(scene.approve(approver, asked, "Second site, as agreed"))
    second.block(KDC, "udp")
    failed = ended(scene.approve(approver, scene.ask(operator, second), "Third site"))
    wanted = scene.request(third, setup_dns="on", forwarders="192.0.2.53", forward_policy="only")
    draft = operator.look("/replicas/request/", wanted)
    waiting = scene.ask(operator, third, setup_dns="on", forwarders="192.0.2.53", forward_policy="only")
    realm = f"/realms/{asked.replica.master.realm_id}/"
    scene.look(operator, asked.replica.master.realm_id)
    return {
        "login": ("", "/login/"),
        "dashboard": ("approver", "/"),
        "masters": ("administrator", "/masters/"),
        "master": ("administrator", f"/masters/{asked.replica.master_id}/"),
        "realm": ("operator", realm),
        "realm-dns": ("operator", f"{realm}dns/"),
        "register": ("administrator", "/masters/register/"),
        "replicas": ("operator", "/replicas/"),
        "request": ("operator", "/replicas/request/"),
        "draft": ("operator", draft.url.path),
        "replica": ("operator", f"/replicas/{asked.replica_id}/"),
        "replica-failed": ("operator", f"/replicas/{failed.plan.replica_id}/"),
        "approvals": ("approver", "/approvals/"),
        "plan": ("approver", f"/plans/{waiting.pk}/"),
        "run": ("operator", f"/runs/{verified.pk}/"),
        "run-failed": ("operator", f"/runs/{failed.pk}/"),
        "bundles": ("operator", "/bundles/"),
        "history": ("viewer", "/history/"),
        "timeline": ("viewer", f"/history/replica/{asked.replica_id}/"),
        "notices": ("operator", "/notices/"),
        "webhooks": ("administrator", "/webhooks/"),
        "policy": ("administrator", f"/masters/{asked.replica.master_id}/policy/"),
        "bulk": ("operator", "/replicas/bulk/"),
    }


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
    pages: dict[str, tuple[str, str]],
    folder: Path,
    look: str,
    options: dict[str, Any],
) -> None:
    """One picture of each page in one look."""
    open_pages: dict[str, Page] = {}
    for name, (who, path) in pages.items():
        if who not in open_pages:
            open_pages[who] = browser.new_context(base_url=address, **options).new_page()
            sign_in(open_pages[who], who, people.get(who, ""))
        page = open_pages[who]
        page.goto(path)
        page.wait_for_load_state("networkidle")
        width = options["viewport"]["width"]
        height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
        clip = FloatRect(x=0, y=0, width=width, height=height)
        page.screenshot(path=folder / f"{name}-{look}.jpg", quality=QUALITY, type="jpeg", full_page=True, clip=clip)
    for page in open_pages.values():
        page.context.close()


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

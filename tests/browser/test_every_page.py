"""Every page, wide and at phone width, light and dark: no error in the console, nothing beside the screen, and nothing
that keeps people with a screen reader or a keyboard out (axe-core: WCAG 2.2 A and AA, and its best practices)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import ConsoleMessage, Page

from replicas.choices import NoticeKind, PlanState, ReplicaState, RunState
from replicas.models import Delivery, Draft, Notice, RealmLook, Run, Webhook
from tests.browser.conftest import Portal
from tests.replicas.views import world as w
from tests.replicas.views.test_realms import DNS, HEALTH

pytestmark = pytest.mark.browser
AXE = Path(settings.BASE_DIR, "var", "accessibility", "node_modules", "axe-core", "axe.min.js")
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 740}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_and_runs_clean(size: str, scheme: str, portal: Portal, sign_in: Callable[..., Page]) -> None:
    run = portal.write(failed, portal, f"{size}-{scheme}.a-rather-long-subdomain.example.com")
    hook = portal.write(told, run, f"chat-{size}-{scheme}")
    page = sign_in("root", viewport=SIZES[size], color_scheme=scheme)
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: said.append(str(error)))
    plan, draft = run.plan, portal.write(drawn, run)
    portal.write(looked, portal)
    for path in (
        "/", "/masters/", f"/masters/{portal.master.pk}/", "/masters/register/", "/replicas/", "/replicas/request/",
        f"/replicas/{plan.replica_id}/", "/approvals/", f"/plans/{plan.pk}/", f"/runs/{run.pk}/", "/bundles/",
        "/history/", "/notices/", "/webhooks/", f"/webhooks/{hook.pk}/", f"/masters/{portal.master.pk}/policy/",
        f"/history/replica/{plan.replica_id}/", "/replicas/bulk/", f"/requests/{draft.pk}/",
        f"/realms/{portal.master.realm_id}/", f"/realms/{portal.master.realm_id}/dns/",
    ):  # fmt: skip
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"], path
        assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme
        assert violations(page) == [], path
    assert said == []


def drawn(run: Run) -> Draft:
    """With findings of every level."""
    return w.draft_of(run.plan.replica, User.objects.get(username="root"))


def looked(portal: Portal) -> None:
    given = {"at": timezone.now(), "health": HEALTH, "dns": DNS}
    RealmLook.objects.update_or_create(realm=portal.master.realm, defaults=given)


def told(run: Run, name: str) -> Webhook:
    """Notices of all kinds, and a webhook that could not be reached."""
    root = User.objects.get(username="root")
    for kind in NoticeKind:
        Notice.objects.create(recipient=root, kind=kind, plan=run.plan, run=run, actor="olga", reason="Needed in Ulm")
    hook = w.webhook(name, "https://chat.example.com/hooks/a-rather-long-path-that-does-not-fit-on-a-phone")
    error = "It could not be reached: [Errno 111] Connection refused."
    Delivery.objects.create(webhook=hook, body={"type": "run.failed"}, attempts=2, error=error)
    return hook


def violations(page: Page) -> list[str]:
    """What axe-core finds, worded: the rule, what it wants, and where."""
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate("axe.run().then(result => result.violations)")
    return [
        f"{rule['id']}: {rule['help']}: {node['html']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def test_times_are_in_the_readers_zone(portal: Portal, sign_in: Callable[..., Page]) -> None:
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

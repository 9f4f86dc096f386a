"""Every page, wide and at phone width, light and dark: no error in the console, nothing beside the screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import ConsoleMessage, Page

from replicas.choices import PlanState, ReplicaState, RunState
from replicas.models import Run
from tests.browser.conftest import Portal
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 740}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_and_runs_clean(size: str, scheme: str, portal: Portal, sign_in: Callable[..., Page]) -> None:
    run = portal.write(failed, portal, f"{size}-{scheme}.a-rather-long-subdomain.example.com")
    page = sign_in("root", viewport=SIZES[size], color_scheme=scheme)
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: said.append(str(error)))
    plan = run.plan
    for path in (
        "/", "/masters/", f"/masters/{portal.master.pk}/", "/masters/register/", "/replicas/", "/replicas/request/",
        f"/replicas/{plan.replica_id}/", "/approvals/", f"/plans/{plan.pk}/", f"/runs/{run.pk}/", "/bundles/",
        "/history/",
    ):  # fmt: skip
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"], path
        assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme
    assert said == []


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

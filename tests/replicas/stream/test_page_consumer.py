"""What a page hears of what it shows: that it changed, and nothing else; from one poller for all pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser, User
from django.urls import path
from django.utils import timezone

from replicas.choices import NoticeKind, PlanState, ReplicaState, RunState
from replicas.models import Notice, Plan, RealmLook, Replica, Run
from replicas.stream import page_consumer
from replicas.stream.page_consumer import PageConsumer
from tests.replicas.lifecycle.rows import make_run
from tests.replicas.stream.test_consumers import Socket, make_viewer
from tests.replicas.views import world as w

router = URLRouter([path("ws/runs/<int:run_id>/", PageConsumer.as_asgi())])
Change = Callable[[Run, User], object]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_consumer, "POLL_SECONDS", 0.05)


def replica_of(run: Run) -> str:
    return f"replica:{run.plan.replica_id}"


def realm_of(run: Run) -> str:
    return f"realm:{run.plan.replica.master.realm_id}"


def ask(*watched: str, since: Any = None) -> str:
    return json.dumps({"watch": watched, "since": (since or timezone.now()).isoformat()})


async def heard(browser: Socket) -> bool:
    return not await browser.server.receive_nothing(0.4)


CHANGES: list[tuple[str, Change]] = [
    ("replica", lambda run, user: Replica.objects.update(state=ReplicaState.FAILED)),
    ("replica", lambda run, user: Plan.objects.update(state=PlanState.VOID)),
    ("replica", lambda run, user: Plan.objects.update(checked_at=timezone.now())),
    ("replica", lambda run, user: Run.objects.update(state=RunState.RUNNING)),
    ("replica", lambda run, user: Run.objects.update(cancel_requested_by="anna")),
    ("replica", lambda run, user: Run.objects.update(held_until=timezone.now())),
    ("replica", lambda run, user: begin(another())),
    ("work", lambda run, user: Run.objects.update(state=RunState.FAILED)),
    ("work", lambda run, user: Plan.objects.update(state=PlanState.WAITING)),
    ("bundles", lambda run, user: w.bundle_of(run)),
    ("realm", lambda run, user: look(run)),
    ("person", lambda run, user: Notice.objects.create(recipient=user, kind=NoticeKind.DONE, plan=run.plan, actor="x")),
]


def another() -> Run:
    return make_run("replica2.example.com")


def begin(run: Run) -> None:
    """Let a run begin for which the run of the page, which is queued, may have to wait."""
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING)


def look(run: Run) -> RealmLook:
    return RealmLook.objects.create(realm=run.plan.replica.master.realm, asked_at=timezone.now())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("kind", "change"), CHANGES)
async def test_a_page_hears_of_each_change_of_what_it_shows(kind: str, change: Change) -> None:
    run, viewer = await sync_to_async(make_run)(), await sync_to_async(make_viewer)()
    named = {
        "replica": replica_of(run),
        "realm": realm_of(run),
        "person": f"person:{viewer.pk}",
        "work": "work",
        "bundles": "bundles",
    }
    others = [topic for name, topic in named.items() if name not in (kind, "work", "replica", "bundles")]
    browser, other = Socket(run, router, user=viewer), Socket(run, router, user=viewer)
    assert await browser.connect()
    assert await other.connect()
    since = timezone.now() + timedelta(minutes=1)
    await browser.send(ask(named[kind], since=since))
    await other.send(ask(*others, since=since))
    assert not await heard(browser)
    await sync_to_async(change)(run, viewer)
    assert await browser.receive() == {"changed": True}
    assert not await heard(other)
    await browser.leave()
    await other.leave()


@pytest.mark.django_db(transaction=True)
async def test_what_happened_while_the_page_was_on_its_way_is_told() -> None:
    run, viewer = await sync_to_async(make_run)(), await sync_to_async(make_viewer)()
    rendered = timezone.now()
    await sync_to_async(w.event)("anna", "plan:approve", "plan", run.plan_id, "it")
    browser = Socket(run, router, user=viewer)
    assert await browser.connect()
    await browser.send(ask(replica_of(run), since=rendered))
    assert await browser.receive() == {"changed": True}
    await browser.send(ask(replica_of(run), since=timezone.now() + timedelta(minutes=1)))
    assert not await heard(browser)
    await browser.leave()


@pytest.mark.django_db(transaction=True)
async def test_outsiders_hear_nothing_and_who_loses_the_role_is_cut_off() -> None:
    run, viewer = await sync_to_async(make_run)(), await sync_to_async(make_viewer)()
    outsider = await User.objects.acreate(username="otto")
    for user in (AnonymousUser(), outsider):
        assert not await Socket(run, router, user=user).connect()
    browser = Socket(run, router, user=viewer)
    assert await browser.connect()
    await browser.send(ask(replica_of(run), since=timezone.now() + timedelta(minutes=1)))
    assert not await heard(browser)
    await sync_to_async(viewer.groups.clear)()
    await Replica.objects.aupdate(state=ReplicaState.FAILED)
    assert await browser.closed() == 1008


NONSENSE = [
    "",
    "{}",
    "[]",
    ask("plan:1"),
    ask("replica:x"),
    ask("replica:0"),
    ask("person:999999"),
    ask(*["work"] * 31),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("message", [*NONSENSE, '{"watch": ["work"], "since": "yesterday"}'])
async def test_nonsense_closes_the_socket(message: str) -> None:
    run, viewer = await sync_to_async(make_run)(), await sync_to_async(make_viewer)()
    browser = Socket(run, router, user=viewer)
    await browser.connect()
    await browser.send(message)
    assert await browser.closed() == 1003

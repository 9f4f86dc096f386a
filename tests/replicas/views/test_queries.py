"""No page asks more of the database when there are more rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from replicas.actions import host_keys
from replicas.choices import PlanAction, PlanState, RunState
from replicas.models import Plan, Replica, Run
from replicas.stream import page_consumer, topics
from replicas.views.newest import PLANS
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World
from tests.replicas.views.growing import grow
from tests.replicas.views.test_access import PAGES, address
from tests.replicas.views.test_runs import compress

MOST = 14
"""Session and person are two of them; a page with a removal's form asks which other masters there are, and one with a
run that can be retried under which policy that is.
"""


ADMIN = [
    f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}"
    for model in admin.site._registry
    for view in ("changelist", "change")
]


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.method == "get"])
def test_queries_are_bounded(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: w.HOST_KEY)
    require_bounded(world, lambda: address(name, world))


def test_queries_of_a_notice_are_bounded(world: World) -> None:
    def where() -> str:
        return reverse("notice", args=[world.people["root"].notices.latest("pk").pk])

    require_bounded(world, where, status=302)


@pytest.mark.parametrize("name", ADMIN)
def test_queries_of_the_admin_are_bounded(name: str, world: World) -> None:
    app, model_name, _ = name.removeprefix("admin:").split("_")
    model = apps.get_model(app, model_name)

    def where() -> str:
        return reverse(name, args=[model._default_manager.latest("pk").pk] if name.endswith("change") else [])

    require_bounded(world, where)


def require_bounded(world: World, where: Callable[[], str], status: int = 200) -> None:
    """As many with thirteen times the rows as with one of each kind beside what there is."""
    grow(world, range(1))
    page = where()
    world.client(who(page)).get(page)
    few = queries(world, page, status)
    grow(world, range(1, 13))
    assert queries(world, page, status) == few <= MOST


@pytest.mark.parametrize("asked", ["", "?q=line&level=info", "?after=1"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_run_that_failed(asked: str, compressed: bool, world: World) -> None:
    """The most that its page is asked for: what went wrong, a review, and a log in chunks."""
    run = world.bypassed
    w.lines(run, *(f"line {number}" for number in range(500)), level="error")
    if compressed:
        compress(run)
    where = address("run", world) + asked
    world.client("root").get(where)
    assert queries(world, where) <= MOST


def test_a_replica_with_many_plans(world: World) -> None:
    """Its pages read few of them, and what can be large of the newest plan alone."""
    plan = world.failed.plan
    plans = Plan.objects.bulk_create(
        Plan(
            replica=plan.replica, action=PlanAction.UNDO, job=plan.job, steps=plan.steps, digest=plan.digest,
            state=PlanState.APPROVED, requested_by=plan.requested_by,
        )
        for _ in range(3 * PLANS)
    )  # fmt: skip
    Run.objects.bulk_create(Run(plan=one, state=RunState.CANCELLED, facts={"proofs": ["old"]}) for one in plans)
    where = reverse("replica", args=[plan.replica_id])
    world.client("root").get(where)
    assert queries(world, where) <= MOST
    assert (rows := loaded(world, where))["run"] <= PLANS + 2
    assert rows["plan"] <= PLANS + 3
    assert rows["large"] <= 1, "whether Retry would be refused is read from the plan of the run that it is about"
    assert loaded(world, reverse("run", args=[world.failed.pk]))["large"] == 3, (
        "the run itself, its plan, and what Retry needs of it"
    )
    page = world.client("root").get(where)
    assert page.context["run"] == world.failed, "however old it is"
    assert (len(page.context["plans"]), page.context["older"]) == (PLANS, True)
    assert "timeline" in page.content.decode()


def loaded(world: World, where: str) -> Counter[str]:
    """How many plans and runs a page reads, and how many of them with the columns that can be large."""
    found: Counter[str] = Counter()

    def count(sender: type[Model], instance: Model, **_more: Any) -> None:
        found[str(sender._meta.model_name)] += 1
        found["large"] += instance.get_deferred_fields().isdisjoint(("job", "facts"))

    for model in (Plan, Run):
        post_init.connect(count, sender=model)
    try:
        world.client("root").get(where)
    finally:
        for model in (Plan, Run):
            post_init.disconnect(count, sender=model)
    return found


def test_many_pages_are_as_many_queries_as_one(world: World) -> None:
    def reading(watched: list[frozenset[str]]) -> int:
        with CaptureQueriesContext(connection) as captured:
            stamps = page_consumer.read(watched)
        assert set(stamps) == set(watched)
        return len(captured)

    def pages() -> list[frozenset[str]]:
        keys = Replica.objects.values_list("pk", flat=True)
        realm = f"realm:{world.master.realm_id}"
        return [frozenset({f"replica:{key}", realm, topics.WORK, f"person:{key}"}) for key in keys]

    few = reading(pages()[:1])
    grow(world, range(12))
    assert len(pages()) > 12
    assert reading(pages()) == few <= 13


def who(where: str) -> str:
    """A superuser is offered most, but sees nobody else's drafts."""
    return "operator" if where.startswith("/requests/") else "root"


def queries(world: World, where: str, status: int = 200) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert world.client(who(where)).get(where).status_code == status
    return len(captured)

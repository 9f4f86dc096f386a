"""No page asks more of the database when there are more rows."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from replicas.choices import PlanState, ReplicaState, RunState
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World
from tests.replicas.views.test_access import PAGES, address
from tests.replicas.views.test_runs import compress

MOST = 12
"""Session and person are two of them."""


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.method == "get" and "key" not in name])
def test_queries_are_bounded(name: str, world: World) -> None:
    where = address(name, world)
    world.client(who(where)).get(where)
    few = queries(world, where)
    for number in range(12):
        replica = w.request(world.master, f"more{number}.example.com", world.people["operator"], ReplicaState.RUNNING)
        run = w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.RUNNING, 3)
        w.bundle_of(run)
        w.event("operator", "replica:request", "replica", replica.pk, str(replica))
    for replica in world.master.replicas.filter(state=ReplicaState.RUNNING)[:5]:
        w.plan_of(replica, PlanState.WAITING)
    assert queries(world, where) == few <= MOST


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


def who(where: str) -> str:
    """A superuser is offered most, but sees nobody else's drafts."""
    return "operator" if where.startswith("/requests/") else "root"


def queries(world: World, where: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert world.client(who(where)).get(where).status_code == 200
    return len(captured)

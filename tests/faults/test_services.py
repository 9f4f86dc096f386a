"""PostgreSQL and Redis restarted in the middle of runs: nothing is lost or doubled, and pages go on by themselves."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from script import services
from script.people import Person
from tests.faults import table
from tests.faults.browser import Follower
from tests.faults.site import Site, site
from tests.replicas.lifecycle.twin import LINES, World
from tests.replicas.views.world import PASSWORD

pytestmark = pytest.mark.skipif(services.missing() is not None, reason=str(services.missing()))
KEYS = ["prepare", "seal-bundle", "install"]
RECOVERY_SECONDS = 60
AWAY_SECONDS = 2.0


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as made:
        made.worker()
        yield made


@pytest.fixture(scope="module")
def browser(portal: Site) -> Iterator[Person]:
    person = Person(portal.web(), "viewer", PASSWORD)
    yield person
    person.client.close()


@pytest.fixture
def world(portal: Site, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    """A host that no other test knows."""
    monkeypatch.setenv("TWIN_WORLD", str(portal.world))
    return World(f"replica{abs(hash(request.node.name))}.example.com")


def wait(condition: Callable[[], object], seconds: float = RECOVERY_SECONDS) -> float:
    """Seconds until it held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - started


def ended(portal: Site, run_id: int) -> bool:
    ((state,),) = portal.rows("SELECT state FROM replicas_run WHERE id = %s", run_id)
    return state not in ("queued", "running")


def assert_whole(portal: Site, run_id: int, world: World, *, said: int = 1) -> None:
    """Succeeded, every effect once, and the log complete, in order and without doubles.

    A step that another worker begins again says what it does once more: `said`, for the last step.
    """
    ((state, error, last_seq),) = portal.rows("SELECT state, error, last_seq FROM replicas_run WHERE id = %s", run_id)
    assert (state, error) == ("succeeded", "")
    assert world.effects() == KEYS
    lines = portal.rows("SELECT seq, text FROM replicas_logline WHERE run_id = %s ORDER BY seq", run_id)
    assert [seq for seq, _ in lines] == list(range(1, last_seq + 1))
    texts = [text for _, text in lines]
    assert [texts.count(f"{key} line {LINES} of {LINES}") for key in KEYS] == [1, 1, said]
    portal.act("verify")


def start(portal: Site, world: World) -> int:
    return int(portal.act("request", world.path.name))


@pytest.mark.parametrize(
    ("key", "point", "how"),
    [
        ("seal-bundle", "before", signal.SIGINT),
        ("install", "inside", signal.SIGKILL),
        ("install", "after", signal.SIGINT),
    ],
)
def test_postgresql(portal: Site, browser: Person, world: World, key: str, point: str, how: signal.Signals) -> None:
    world.tell(key, point)
    run_id = start(portal, world)
    with Follower(browser, run_id) as page:
        wait(world.reached(key, point).exists)
        portal.database.stop(how)
        world.go_on(key, point)  # the worker has something to write while there is no database
        time.sleep(AWAY_SECONDS)
        answer = browser.client.get("/")
        assert (answer.status_code, answer.headers["refresh"]) == (503, "5")
        portal.database.start()
        seconds = wait(lambda: ended(portal, run_id))
        page.wait(10)
    assert_whole(portal, run_id, world)
    assert page.numbers == list(range(1, len(page.lines) + 1))
    assert page.state == "succeeded"
    assert world.path.name in browser.client.get(f"/runs/{run_id}/").text
    table.record(
        f"PostgreSQL {'restarted' if how == signal.SIGINT else 'crashed'}", f"{key}, {point}", "verified", seconds
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "crashed"])
def test_redis(portal: Site, browser: Person, world: World, how: signal.Signals) -> None:
    world.tell("install", "inside")
    run_id = start(portal, world)
    with Follower(browser, run_id) as page:
        wait(world.reached("install", "inside").exists)
        portal.queue.stop(how)
        time.sleep(AWAY_SECONDS)
        assert world.path.name in browser.client.get(f"/runs/{run_id}/").text
        portal.queue.start()
        world.go_on("install", "inside")
        seconds = wait(lambda: ended(portal, run_id))
        page.wait(10)
    assert_whole(portal, run_id, world)
    assert page.numbers == list(range(1, len(page.lines) + 1))
    table.record(f"Redis {'restarted' if how == signal.SIGTERM else 'crashed'}", "install, inside", "verified", seconds)


def test_a_run_ends_while_redis_is_away(portal: Site, browser: Person, world: World) -> None:
    """Whose work is under way needs no queue, and whoever reads its page no channel layer."""
    world.tell("install", "inside")
    run_id = start(portal, world)
    with Follower(browser, run_id) as page:
        wait(world.reached("install", "inside").exists)
        portal.queue.stop()
        world.go_on("install", "inside")
        seconds = wait(lambda: ended(portal, run_id))
        page.wait(10)
        portal.queue.start()
    assert_whole(portal, run_id, world)
    table.record("Redis away", "install, inside", "verified", seconds)


def test_approved_while_redis_is_away(portal: Site, world: World) -> None:
    portal.queue.stop()
    run_id = start(portal, world)
    portal.queue.start()
    seconds = wait(lambda: ended(portal, run_id))
    assert_whole(portal, run_id, world)
    table.record("Redis away", "approval", "verified", seconds)


def test_a_task_that_redis_forgot(portal: Site, world: World) -> None:
    """Queued, forgotten by Redis, and found by the next worker that starts."""
    portal.kill_workers()
    run_id = start(portal, world)
    portal.queue.restart()
    portal.worker()
    seconds = wait(lambda: ended(portal, run_id))
    assert_whole(portal, run_id, world)
    table.record("Redis restarted", "in the queue", "verified", seconds)


def test_the_worker_of_another_machine_takes_over(portal: Site, browser: Person, world: World) -> None:
    """It has no file in common with the one that is killed: only the lease tells."""
    world.tell("install", "inside")
    run_id = start(portal, world)
    with Follower(browser, run_id) as page:
        wait(world.reached("install", "inside").exists)
        portal.kill_workers()
        world.go_on("install", "inside")
        portal.worker("worker-of-another-machine")
        seconds = wait(lambda: ended(portal, run_id))
        page.wait(10)
    assert_whole(portal, run_id, world, said=2)
    assert page.numbers == list(range(1, len(page.lines) + 1))
    table.record("kill -9 of the worker", "install, on another machine", "verified", seconds)

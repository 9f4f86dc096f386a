"""A run's page, its lines and its log as text."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from replicas.choices import RunState
from replicas.models import Run
from replicas.stream import chunks
from replicas.stream.durations import elapsed, times
from replicas.views import live
from replicas.views.runs import whole_text
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World


def test_the_page_has_the_log_without_javascript(world: World) -> None:
    page = world.client("viewer").get(reverse("run", args=[world.failed.pk])).content.decode()
    assert "first line" in page
    assert "second &lt;b&gt;line&lt;/b&gt;" in page
    assert "UDP 88 does not answer." in page
    assert "Open UDP 88." in page


def test_the_time_between_two_attempts_does_not_count(world: World) -> None:
    now = timezone.now()
    run = world.failed
    run.started_at, run.finished_at = now - timedelta(days=4), now
    run.attempt_started_at = now - timedelta(seconds=70)
    assert elapsed(times(run)) == 70
    run.state, run.attempt_started_at = RunState.QUEUED, None
    assert elapsed(times(run)) is None, "it waits for its second attempt"


def test_lines_come_after_the_cursor(world: World) -> None:
    where = reverse("run_lines", args=[world.failed.pk])
    answer = world.client("viewer").get(where, {"after": 1}).json()
    assert [(line["seq"], line["text"]) for line in answer["lines"]] == [(2, "second <b>line</b>")]
    assert answer["last_seq"] == 2
    assert answer["run"]["state"] == "failed"
    assert answer["steps"][6]["state"] == "failed"


def test_a_cursor_that_is_no_number_means_the_beginning(world: World) -> None:
    answer = world.client("viewer").get(reverse("run_lines", args=[world.failed.pk]), {"after": "-1e9"}).json()
    assert len(answer["lines"]) == 2


def test_a_long_log_begins_with_its_end(world: World) -> None:
    w.lines(world.running, *(f"line {number}" for number in range(1, 3 * live.LINES_A_PAGE + 1)))
    where, last = reverse("run", args=[world.running.pk]), 3 * live.LINES_A_PAGE
    client = world.client("viewer")
    page = client.get(where)
    assert [page.context[name] for name in ("earlier", "cursor", "more")] == [live.LINES_A_PAGE, last, False]
    assert numbers(page) == list(range(last - live.LINES_A_PAGE + 1, last + 1))
    assert f"?after={live.LINES_A_PAGE}" in page.content.decode()
    page = client.get(where, {"after": live.LINES_A_PAGE})
    assert [page.context[name] for name in ("earlier", "more")] == [0, True]
    assert f"?after={2 * live.LINES_A_PAGE}" in page.content.decode()
    page = client.get(where, {"after": 0})
    assert [page.context[name] for name in ("earlier", "more")] == [None, True]
    assert numbers(page) == list(range(1, live.LINES_A_PAGE + 1))


def numbers(page: Any) -> list[int]:
    return [line.seq for line in page.context["lines"]]


def test_a_search_is_a_page_with_an_address(world: World) -> None:
    w.lines(world.failed, *(f"line {number}" for number in range(1, 501)))
    w.lines(world.failed, "\x1b[31mno <b>space</b>\x1b[0m", level="error")
    w.lines(world.failed, "The remedy.")
    where, client = reverse("run", args=[world.failed.pk]), world.client("viewer")
    page = client.get(where, {"q": "LINE 4"})
    assert numbers(page) == [6, *range(42, 52), *range(402, 502)]
    assert not page.context["more"]
    page = client.get(where, {"q": "line", "level": "info", "wrap": "on"})
    assert numbers(page) == list(range(1, 201))
    assert "q=line&amp;level=info&amp;wrap=on&amp;after=200" in page.content.decode()
    page = client.get(where, {"level": "error"})
    assert numbers(page) == [503]
    assert '<span class="ansi-red">no &lt;b&gt;space&lt;/b&gt;</span>' in page.content.decode()
    assert "#L503" not in page.content.decode().split("data-run=")[0], "nobody knows which line it is"
    Run.objects.filter(pk=world.failed.pk).update(failing_line=503)
    for asked in ({}, {"level": "error"}, {"after": "1"}):
        assert f'href="{where}?after=403#L503"' in client.get(where, asked).content.decode().split("data-run=")[0]
    assert numbers(client.get(where, {"step": "99", "level": "loud", "q": "x" * 201})) == list(range(305, 505))


def test_finding_says_how_far_it_looked(world: World) -> None:
    w.lines(world.failed, *(f"line {number}" for number in range(1, 501)))
    where, client = reverse("run_find", args=[world.failed.pk]), world.client("viewer")
    answer = client.get(where, {"q": "second"}).json()
    assert ([line["seq"] for line in answer["lines"]], answer["looked"], answer["last_seq"]) == ([2], 502, 502)
    answer = client.get(where, {"after": 400}).json()
    assert ([line["seq"] for line in answer["lines"]], answer["looked"]) == (list(range(401, 503)), 502)


def test_a_program_that_colours_its_words(world: World) -> None:
    w.lines(world.failed, "\x1b[31mno\x1b[0m")
    answer = world.client("viewer").get(reverse("run_lines", args=[world.failed.pk]), {"after": 2}).json()
    assert [(line["text"], line["spans"]) for line in answer["lines"]] == [("no", [["ansi-red", "no"]])]
    assert text_of(world, world.failed)[-1].endswith("INFO    no")


def text_of(world: World, run: Run) -> list[str]:
    answer = world.client("viewer").get(reverse("run_log", args=[run.pk]))
    assert answer["Content-Type"].startswith("text/plain")
    return "".join(async_to_sync(collect)(run)).splitlines()


async def collect(run: Run) -> list[str]:
    """What a server sends; the test client would need the stream to be synchronous."""
    return [piece async for piece in whole_text(run.pk)]


def compress(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=1))
    assert chunks.compress_some() > 0
    assert not run.lines.exists()


def test_the_log_as_text(world: World) -> None:
    texts = text_of(world, world.failed)
    assert [line.split("INFO    ")[1] for line in texts] == ["first line", "second <b>line</b>"]


def test_page_and_text_do_not_notice_compression(world: World) -> None:
    client, failed = world.client("viewer"), world.failed
    w.lines(failed, *(f"line {number}" for number in range(2 * live.LINES_A_PAGE)))

    def seen() -> tuple[object, ...]:
        page = client.get(reverse("run", args=[failed.pk])).context["lines"]
        answer = client.get(reverse("run_lines", args=[failed.pk]), {"after": 7}).json()["lines"]
        return page, answer, text_of(world, failed)

    before = seen()
    compress(failed)
    assert seen() == before


def test_without_javascript_the_page_of_a_run_under_way_reloads(world: World) -> None:
    refresh = '<noscript><meta http-equiv="refresh"'
    client = world.client("viewer")
    assert refresh in client.get(reverse("run", args=[world.running.pk])).content.decode()
    assert refresh not in client.get(reverse("run", args=[world.failed.pk])).content.decode()


@pytest.mark.parametrize(("now", "says"), [(False, "The run stops after the current step."), (True, "is interrupted.")])
def test_a_stop_that_is_requested_is_told_until_the_run_has_ended(now: bool, says: str, world: World) -> None:
    run = world.running
    assert "has requested a stop" not in text(world, run)
    Run.objects.filter(pk=run.pk).update(cancel_requested_by="operator", cancel_now=now)
    assert "operator has requested a stop." in text(world, run)
    assert says in text(world, run)
    Run.objects.filter(pk=run.pk).update(state=RunState.CANCELLED)
    assert "has requested a stop" not in text(world, run)


def test_a_run_whose_worker_is_gone_says_so(world: World) -> None:
    run = world.running
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() + timedelta(seconds=20))
    assert "No worker is at this run" not in text(world, run)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert "No worker is at this run" in text(world, run)
    where = reverse("replica", args=[run.plan.replica_id])
    assert "No worker is at this run" in world.client("viewer").get(where).content.decode()


def test_the_steps_on_the_page_of_a_replica_name_their_run(world: World) -> None:
    run = world.failed
    shown = world.client("viewer").get(reverse("replica", args=[run.plan.replica_id])).content.decode()
    assert f'<a class="small" href="{reverse("run", args=[run.pk])}">Install replica, run {run.pk}</a>' in shown
    assert f", run {run.pk}</a>" not in text(world, run)


def text(world: World, run: Run) -> str:
    return world.client("viewer").get(reverse("run", args=[run.pk])).content.decode()

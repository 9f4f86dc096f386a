"""A run's page, its lines and its log as text."""

from __future__ import annotations

from datetime import timedelta

from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from replicas.models import Run
from replicas.stream import chunks
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
    assert [page.context[name] for name in ("first", "cursor", "more")] == [last - live.LINES_A_PAGE + 1, last, False]
    assert f"?after={live.LINES_A_PAGE}" in page.content.decode()
    page = client.get(where, {"after": live.LINES_A_PAGE})
    assert [page.context[name] for name in ("first", "earlier")] == [live.LINES_A_PAGE + 1, 0]
    assert f"?after={2 * live.LINES_A_PAGE}" in page.content.decode()
    page = client.get(where, {"after": 0})
    assert [page.context[name] for name in ("first", "earlier", "more")] == [1, None, True]


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

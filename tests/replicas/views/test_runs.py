"""A run's page, its lines and its log as text."""

from __future__ import annotations

from django.urls import reverse

from replicas.views import live
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


def test_a_long_log_goes_on_where_the_page_ends(world: World) -> None:
    w.lines(world.running, *(f"line {number}" for number in range(live.LINES_A_PAGE + 1)))
    page = world.client("viewer").get(reverse("run", args=[world.running.pk]))
    assert page.context["cursor"] == live.LINES_A_PAGE
    assert f"?after={live.LINES_A_PAGE}" in page.content.decode()


def test_the_log_as_text(world: World) -> None:
    answer = world.client("viewer").get(reverse("run_log", args=[world.failed.pk]))
    assert answer["Content-Type"].startswith("text/plain")
    assert [line.split("INFO    ")[1] for line in answer.content.decode().splitlines()] == [
        "first line",
        "second <b>line</b>",
    ]

"""The dashboard says how much there is of what it shows only the first of, and leads to all of it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from replicas.models import Plan, Run
from tests.replicas.views.conftest import World
from tests.replicas.views.growing import grow

LISTS = {
    "waiting": ("approver", "approvals", {}, "All 15 plans"),
    "running": ("viewer", "replicas", {"only": ["running"]}, "All 15 runs"),
    "reviews": ("approver", "replicas", {"only": ["review"]}, "All 14 to be reviewed"),
    "mine": ("operator", "replicas", {"only": ["mine"]}, "All 31 requests"),
}


@pytest.mark.parametrize("name", LISTS)
def test_what_is_cut_says_how_much_there_is_and_leads_to_all_of_it(name: str, world: World) -> None:
    grow(world, range(7))
    who, page, query, words = LISTS[name]
    shown = world.client(who).get(reverse("dashboard"))
    assert len(shown.context[name].rows) == 10
    where, text = link(shown.content.decode(), f"all-{name}")
    assert text == words
    assert (urlsplit(where).path, parse_qs(urlsplit(where).query)) == (reverse(page), query)
    listed = world.client(who).get(where).context["table"].page.paginator.count
    assert listed == shown.context[name].total


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_is_whole_leads_nowhere(name: str, world: World) -> None:
    shown = world.client(LISTS[name][0]).get(reverse("dashboard"))
    assert f'id="all-{name}"' not in shown.content.decode()
    assert not shown.context[name].more


def test_running_steps_are_counted_for_each_run(world: World) -> None:
    grow(world, range(7))
    for run in world.client("viewer").get(reverse("dashboard")).context["running"].rows:
        steps = Run.objects.get(pk=run.pk).steps
        assert (run.total_steps, run.done_steps) == (steps.count(), steps.filter(state="done").count())


def test_the_rail_and_the_dashboard_say_the_same(world: World) -> None:
    grow(world, range(7))
    shown = world.client("approver").get(reverse("dashboard"))
    assert shown.context["waiting_count"] == Plan.objects.filter(state="waiting").count() == 15
    assert ">15<" in shown.content.decode().replace("\n", "")


def link(page: str, name: str) -> tuple[str, str]:
    """Where the link of that id leads, and its text."""
    found = re.search(rf'<a id="{name}"[^>]*href="([^"]*)">([^<]*)</a>', page)
    assert found is not None
    return found[1], found[2]

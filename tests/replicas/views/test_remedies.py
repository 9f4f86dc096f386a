"""A failed run shows its symptom, what that usually means, and the buttons that help, to those who may press them."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from replicas.choices import RunState
from replicas.models import Run
from tests.replicas.views.conftest import World


def failed(world: World, error: str, remedy: str = "") -> str:
    Run.objects.filter(pk=world.failed.pk).update(error=error, remedy=remedy)
    return reverse("run", args=[world.failed.pk])


def shown(world: World, who: str, where: str) -> str:
    """The box of the failure."""
    page = world.client(who).get(where).content.decode()
    box = re.search(r'<section class="panel trouble.*?</section>', page, re.DOTALL)
    assert box
    return box[0]


@pytest.mark.parametrize("page", ["run", "replica"])
def test_cause_meaning_and_remedy(world: World, page: str) -> None:
    failed(world, "Port check failed! Inaccessible port(s): 88 (UDP).", "Open UDP 88.")
    where = reverse(page, args=[world.failed.pk if page == "run" else world.failed.plan.replica.pk])
    box = shown(world, "operator", where)
    for words in ("Port check failed!", "UDP is often forgotten", "Open UDP 88.", "Retry from this step"):
        assert words in box
    assert "Undo" not in box
    page_ = world.client("operator").get(where).content.decode()
    assert page_.count("id_undo_") > 0, "what does not help stays among the other actions"
    assert page_.count('id="id_retry_') == box.count('id="id_retry_'), "no button is there twice"


def test_only_those_who_may_get_the_button(world: World) -> None:
    where = failed(world, "The SSH host key of failed.example.com is not the pinned one: pinned a, presented b.")
    assert "host-key/" in shown(world, "administrator", where) or "host-key/" in shown(world, "root", where)
    operators = shown(world, "operator", where)
    assert "host-key/" not in operators
    assert "Undo" in operators
    viewers = shown(world, "viewer", where)
    assert "reinstalled" in viewers
    assert "<form" not in viewers


def test_an_error_that_nobody_knows(world: World) -> None:
    box = shown(world, "operator", failed(world, "Something new.", "Look."))
    assert "usually means" not in box
    assert "Retry from this step" in box


def test_a_cancelled_run_is_not_explained(world: World) -> None:
    where = failed(world, "Cancelled by port check failed.")
    Run.objects.filter(pk=world.failed.pk).update(state=RunState.CANCELLED)
    assert "usually means" not in shown(world, "operator", where)

"""Forms that cannot be taken: their session changed meanwhile, or they are too large."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.replicas.views.conftest import World
from tests.replicas.views.test_access import PAGES, address

POSTED = sorted(name for name, page in PAGES.items() if page.method == "post")
STALE = "This form is out of date"


def sent(world: World, where: str, **headers: str) -> Any:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["root"])
    client.cookies["csrftoken"] = "x" * 32
    return client.post(where, {"csrfmiddlewaretoken": "y" * 32}, headers=headers)


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("name", [*POSTED, "replica_request", "replica_bulk", "master_register"])
def test_every_stale_form_leads_back_to_itself(world: World, settings: Settings, name: str, debug: bool) -> None:
    settings.DEBUG = debug
    where = address(name, world)
    answer = sent(world, where, referer=f"http://testserver{reverse('replicas')}?state=failed")
    page = answer.content.decode()
    assert answer.status_code == 403
    assert STALE in page
    assert "You are signed in as root." in page
    assert f'href="{reverse("replicas")}?state=failed"' in page
    assert "DEBUG" not in page
    assert "CSRF" not in page


@pytest.mark.parametrize("name", ["login", "logout", "set_language", "admin:auth_user_add"])
def test_so_do_the_forms_around(world: World, name: str) -> None:
    answer = sent(world, reverse(name))
    assert (answer.status_code, STALE in answer.content.decode()) == (403, True)


def test_the_page_speaks_the_readers_language(world: World) -> None:
    answer = sent(world, reverse("replica_request"), accept_language="de")
    assert "Dieses Formular ist veraltet" in answer.content.decode()


def test_it_leads_to_no_other_site(world: World) -> None:
    page = sent(world, reverse("replica_request"), referer="http://evil.example/form").content.decode()
    assert "evil.example" not in page
    assert f'href="{reverse("replica_request")}"' in page


def test_a_part_that_htmx_sends_has_its_page_loaded_again(world: World) -> None:
    assert sent(world, reverse("replica_request"), hx_request="true").headers["HX-Refresh"] == "true"


def test_a_form_with_too_much_text_is_told_so(world: World) -> None:
    where = reverse("replica_bulk")
    answer = world.client("operator").post(where, {"content": "x" * 3_000_000})
    page = answer.content.decode()
    assert answer.status_code == 413
    assert "This is too large" in page
    assert f'href="{where}"' in page


def test_so_is_one_with_too_many_fields(world: World) -> None:
    fields = {f"field{number}": "x" for number in range(1100)}
    answer = world.client("operator").post(reverse("replica_request"), fields)
    assert (answer.status_code, "This is too large" in answer.content.decode()) == (413, True)


def test_a_file_that_is_too_large_is_told_beside_its_field(world: World) -> None:
    file = SimpleUploadedFile("rows.csv", b"hostname\n" + b"x" * 3_000_000)
    answer = world.client("operator").post(reverse("replica_bulk"), {"file": file})
    assert answer.status_code == 200
    assert "The table is larger than 256 KiB." in answer.content.decode()


def test_a_request_for_another_host_gets_a_page_too(world: World) -> None:
    answer = Client(headers={"host": "evil.example"}).get("/login/")
    assert (answer.status_code, "The request cannot be read" in answer.content.decode()) == (400, True)

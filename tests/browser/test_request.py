"""Asking for a replica: the options follow the chosen master, and certificates are uploaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from replicas.models import Master
from tests.browser.conftest import Portal
from tests.browser.test_every_page import SIZES, violations
from tests.replicas.uploads import issuing
from tests.replicas.views import world as w

pytestmark = pytest.mark.browser


def freeipa() -> Master:
    """Of a realm without an authority, whose release has every option."""
    found = Master.objects.filter(hostname="ipaserver.ipa.example").first() or w.realm_of("IPA.EXAMPLE", "freeipa")
    found.versions, found.offers = {"FreeIPA": "4.12.2"}, {"realm_has_ca": False}
    found.save()
    found.realm.ca_certificate = issuing.pem(issuing.ROOT).decode()
    found.realm.save()
    return found


@pytest.fixture
def master(portal: Portal) -> Master:
    return portal.write(freeipa)


def test_the_options_follow_the_master_and_what_was_typed_stays(
    portal: Portal, master: Master, sign_in: Callable[..., Page]
) -> None:
    page = sign_in("operator")
    page.goto("/replicas/request/")
    page.get_by_label("Hostname", exact=False).first.fill("typed.example.com")
    expect(page.get_by_label("Home directories", exact=False)).to_have_count(0)
    page.locator("#id_master").select_option(str(master.pk))
    expect(page.locator("#id_dns_over_tls")).to_be_visible()
    page.locator("#id_mkhomedir").check()
    assert page.locator("#id_hostname").input_value() == "typed.example.com"
    page.locator("#id_master").select_option(str(portal.master.pk))
    expect(page.locator("#id_dns_over_tls")).to_have_count(0)
    assert page.get_by_role("button", name="Show the options of this master").count() == 0


@pytest.mark.parametrize("size", SIZES)
def test_the_whole_form_fits_and_is_accessible(master: Master, sign_in: Callable[..., Page], size: str) -> None:
    page = sign_in("operator", viewport=SIZES[size])
    page.goto(f"/replicas/request/?master={master.pk}")
    expect(page.locator("#id_pkinit_certificate")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    assert violations(page) == []


def test_without_a_script_a_button_shows_them(master: Master, sign_in: Callable[..., Page]) -> None:
    page = sign_in("operator", java_script_enabled=False)
    page.goto("/replicas/request/")
    page.locator("#id_hostname").fill("typed.example.com")
    page.locator("#id_master").select_option(str(master.pk))
    page.get_by_role("button", name="Show the options of this master").click()
    expect(page.locator("#id_dns_over_tls")).to_be_visible()
    assert page.locator("#id_hostname").input_value() == "typed.example.com"


def test_what_is_wrong_with_an_uploaded_file_is_said_beside_it(master: Master, sign_in: Callable[..., Page]) -> None:
    page = sign_in("operator")
    page.goto(f"/replicas/request/?master={master.pk}")
    page.locator("#id_hostname").fill(issuing.HOST)
    page.locator("#id_ssh_address").fill("192.0.2.30")
    page.locator("#id_no_pkinit").check()
    parts: list[Any] = [
        {"name": "server.crt", "mimeType": "application/x-pem-file", "buffer": issuing.pem(issuing.SERVER)},
        {"name": "server.key", "mimeType": "application/x-pem-file", "buffer": issuing.pkcs8(passphrase="opens it")},
    ]
    page.locator("#id_dirsrv_certificate").set_input_files(parts)
    page.get_by_role("button", name="Show the plan").click()
    expect(page.locator("#div_id_dirsrv_certificate")).to_contain_text("server.key is encrypted")
    assert page.locator("#id_hostname").input_value() == issuing.HOST

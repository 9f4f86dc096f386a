"""What the request's form says of what was typed."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from replicas import validators
from replicas.forms.requests import ReplicaRequestForm
from tests.replicas.views import world as w


def request(**typed: str) -> ReplicaRequestForm:
    master = w.realm_with_master()
    given = {"hostname": "one.example.com", "master": str(master.pk), "ssh_address": "192.0.2.21", "ssh_port": "22"}
    return ReplicaRequestForm(given | {"ssh_user": "root"} | typed)


@pytest.mark.django_db
def test_every_bad_address_is_named_and_nothing_else() -> None:
    form = request(setup_dns="on", forwarders="192.0.2.300, 192.0.2.1, ::g", forward_policy="only")
    named = ["192.0.2.300 is not an IPv4 or IPv6 address.", "::g is not an IPv4 or IPv6 address."]
    assert form.errors == {"forwarders": named}


@pytest.mark.django_db
def test_a_reverse_zone_is_not_judged_by_addresses_that_are_wrong() -> None:
    assert set(request(ip_addresses="nowhere", reverse_zone="2.0.192.in-addr.arpa").errors) == {"ip_addresses"}


@pytest.mark.django_db
@pytest.mark.parametrize("typed", [{}, {"forward_policy": ""}])
def test_the_forward_policy_has_a_default(typed: dict[str, str]) -> None:
    form = request(**typed)
    assert form.errors == {}
    assert form.instance.forward_policy == "first"


@pytest.mark.parametrize(("typed", "offer"), [("réplica.example.com", "replica.example.com"), ("ß.example.com", "")])
def test_letters_are_transliterated_or_nothing_is_offered(typed: str, offer: str) -> None:
    assert validators.suggest_hostname(typed) == offer


def test_a_long_name_is_told_why() -> None:
    with pytest.raises(ValidationError, match="Linux host names end"):
        validators.validate_hostname(f"{'a' * 60}.example.com")

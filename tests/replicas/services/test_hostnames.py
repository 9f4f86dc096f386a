"""Host names: what is wrong with each kind, and what is offered instead."""

from __future__ import annotations

import dns.name
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from replicas.validators import suggest_hostname, validate_hostname


def refusal(name: str) -> str:
    with pytest.raises(ValidationError) as caught:
        validate_hostname(name)
    return " ".join(caught.value.messages)


@pytest.mark.parametrize(
    "name", ["ipareplica.example.com", "a.b", "r-1.example.com", "1a.example.com", "x" * 50 + ".example.com"]
)
def test_it_accepts(name: str) -> None:
    validate_hostname(name)


@pytest.mark.parametrize(
    ("name", "kind", "offer"),
    [
        ("IPAreplica.example.com", "all lower-case", "ipareplica.example.com"),
        ("ipa_replica.example.com", "underscore", "ipa-replica.example.com"),
        ("IPA_replica.example.com", "underscore", "ipa-replica.example.com"),
        ("-a.example.com", "begins or ends with a hyphen", "a.example.com"),
        ("a..example.com", "empty part", "a.example.com"),
        ("a.example.com.", "final one", "a.example.com"),
        (" a.example.com", "spaces", "a.example.com"),
        ("a!.example.com", "may only contain", "a.example.com"),
    ],
)
def test_it_names_the_kind_and_offers_a_correction(name: str, kind: str, offer: str) -> None:
    text = refusal(name)
    assert kind in text
    assert f"Did you mean {offer}?" in text


@pytest.mark.parametrize(
    "name",
    [
        "ipareplica.example.com:22",
        "root@ipareplica.example.com",
        "root@ipareplica.example.com:22",
        "ipareplica.example.com 22",
        "ipareplica.example.com port 22",
        "192.0.2.11 ipareplica.example.com ipareplica",
        "2001:db8::11\tipareplica.example.com",
        "root:secret@ipareplica.example.com",
        "https://ipareplica.example.com/",
        "https://ipareplica.example.com:443/ipa/ui/#/e/host",
        "ssh://root@ipareplica.example.com:22",
        "ldaps://ipareplica.example.com",
        "ssh root@ipareplica.example.com",
        "ipareplica.example.com.",
        "ipareplica.example.com.:22",
        "ipareplica.example.com,",
        " ipareplica.example.com ;",
        "ipareplica. example.com",
        "ipareplica .example.com",
        "IPAReplica.Example.COM",
        "ipareplica..example.com",
        '"ipareplica.example.com"',
        "\u201eipareplica.example.com\u201c",
        "<ipareplica.example.com>",
        "ipareplica.example.com/",
        "ipareplica.example.com/24",
        "root@ipareplica.example.com:/var/lib/ipa",
        "host/ipareplica.example.com@EXAMPLE.COM",
        "HTTP/ipareplica.example.com",
        "\u200bipareplica.example.com\ufeff",
        "ipareplica\uff0eexample\uff0ecom",
    ],
)
def test_the_name_is_offered_for_what_people_paste(name: str) -> None:
    assert suggest_hostname(name) == "ipareplica.example.com"
    assert "Did you mean ipareplica.example.com?" in refusal(name)


@pytest.mark.parametrize(
    "name", ["ipa replica.example.com", "ipa_replica.example.com:22", "ipa\u2011replica.example.com"]
)
def test_the_name_with_a_hyphen_is_offered(name: str) -> None:
    assert suggest_hostname(name) == "ipa-replica.example.com"


@pytest.mark.parametrize(
    "name",
    [
        "a.example.com b.example.com",
        "a.example.com, b.example.com",
        "a.example.com;b.example.com",
        "ipareplica.example,com",
        "ipa!replica.example.com",
        "ipa$replica.example.com",
        "ipareplica.example.com:22:33",
        "ipareplica.example.com (new)",
        "*.example.com",
        "???.example.com",
        "192.0.2.1:22",
        "192.0.2.1 a.example.com b.example.com",
        "192.0.2.1 22",
        "root@192.0.2.1",
        "[2001:db8::1]:22",
        "https://192.0.2.1/",
        "2001:db8::1%eth0",
        "192.0.2.0/24",
        "https://",
        "root@",
        ":22",
        "@",
        "\u0440\u0435\u043f\u043b\u0438\u043a\u0430.example.com",
        "\u6771\u4eac.example.com",
        "localhost.example.com:22",
        "ipareplica:22",
        "root@" + "a" * 60 + ".example.com",
    ],
)
def test_nothing_is_offered_that_is_not_likely(name: str) -> None:
    assert suggest_hostname(name) == ""
    assert "Did you mean" not in refusal(name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ipareplica", "not fully qualified"),
        ("localhost.localdomain", "means this machine"),
        ("192.0.2.1", "not an address"),
        ("2001:db8::1", "not an address"),
        ("", "Enter a host name"),
        ("a." + "b" * 64 + ".com", "more than 63"),
        ("a" * 60 + ".example.com", "more than 64"),
        ("a.example.7", "ends in a number"),
    ],
)
def test_it_refuses_without_an_offer(name: str, kind: str) -> None:
    text = refusal(name)
    assert kind in text
    assert "Did you mean" not in text


def test_it_says_everything_at_once() -> None:
    text = refusal("Ipa_Replica.example.com")
    assert "underscore" in text
    assert "lower-case" in text


@given(st.from_regex(r"[a-zA-Z0-9._-]{1,12}(\.[a-z0-9-]{1,12}){1,3}", fullmatch=True))
def test_what_it_accepts_is_a_dns_name(name: str) -> None:
    try:
        validate_hostname(name)
    except ValidationError:
        return
    assert dns.name.from_text(name).to_text(omit_final_dot=True) == name


@given(st.from_regex(r"[A-Za-z0-9_. -]{1,40}", fullmatch=True))
def test_every_offer_is_acceptable(name: str) -> None:
    if offer := suggest_hostname(name):
        validate_hostname(offer)

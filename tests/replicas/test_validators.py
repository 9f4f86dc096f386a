"""Addresses, zones, realms, accounts and reasons: what is refused, and in which words."""

from __future__ import annotations

import ipaddress
import re
import time
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from replicas import own_machine
from replicas import validators as v


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("192.0.2.53 port 5353", "192.0.2.53"),
        ("192.0.2.53:5353", "192.0.2.53"),
        ("192.0.2.53@5353", "192.0.2.53"),
        ("192.0.2.53#53", "192.0.2.53"),
        ("[2001:db8::1]:53", "2001:db8::1"),
        ("[2001:db8::1] port 53", "2001:db8::1"),
        ("2001:db8::1  PORT  53", "2001:db8::1"),
        ("2001:db8::1@53", "2001:db8::1"),
    ],
)
def test_an_address_with_a_port_is_refused_in_words(text: str, plain: str) -> None:
    with pytest.raises(ValidationError) as caught:
        v.parse_addresses(f"192.0.2.1, {text}\n192.0.2.9")
    assert caught.value.messages == [f"{text} has a port, which cannot be given: enter the address alone, {plain}."]


@pytest.mark.parametrize(
    "text", ["192.0.2.53 port 853", "192.0.2.53@853#dns.example.com", "[2001:db8::1]:853#d.example.com"]
)
def test_a_forwarder_over_tls_with_a_port_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValidationError, match="has a port, which cannot be given"):
        v.parse_words("dot_forwarders", text)


def test_brackets_are_refused_in_words() -> None:
    with pytest.raises(ValidationError, match=r"is in brackets: enter the address alone, 2001:db8::1\."):
        v.parse_addresses("[2001:db8::1]")


@pytest.mark.parametrize("text", [":" * 200_000, "1.1.1.1 " * 30_000, "[" * 200_000, "1.1.1.1" + " " * 200_000])
def test_long_texts_are_split_in_linear_time(text: str) -> None:
    begun = time.process_time()
    v.split_addresses(text)
    assert time.process_time() - begun < 2


def test_a_classless_reverse_zone_is_left_to_the_portal() -> None:
    with pytest.raises(ValidationError, match="classless delegation and cannot be chosen"):
        v.validate_reverse_zone("0/26.2.0.192.in-addr.arpa")
    with pytest.raises(ValidationError, match="is not a reverse zone"):
        v.validate_reverse_zone("300.2.0.192.in-addr.arpa")


@pytest.mark.parametrize(
    ("given_text", "kind"),
    [
        ("::1", "loopback"),
        ("224.0.0.1", "multicast"),
        ("0.0.0.0", "stands for no address"),  # noqa: S104 - refused
        ("fe80::1%eth0", "link-local"),
        ("2001:db8::1%eth0", "names an interface"),
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"),
        ("::ffff:127.0.0.1", r"in the form of IPv6: write 127\.0\.0\.1"),
        ("fec0::1", "site-local"),
        ("0.1.2.3", "stands for no address"),
        ("192.0.2.1/24", "not an IPv4 or IPv6"),
        ("192.0.2.1; }", "not an IPv4 or IPv6"),
    ],
)
def test_an_address_that_no_other_host_can_use_is_named(given_text: str, kind: str) -> None:
    with pytest.raises(ValidationError, match=kind):
        v.parse_addresses(f"192.0.2.5, {given_text}")


@pytest.mark.parametrize("value", [None, 5, {"a": 1}, [1], [["192.0.2.1"]], True])
def test_json_that_is_no_list_of_addresses_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="list of addresses"):
        v.parse_addresses(value)


@given(st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))))
def test_accepted_addresses_are_canonical_unique_and_fit_the_database(given_list: list[Any]) -> None:
    try:
        found = v.parse_addresses(" ".join(map(str, given_list)))
    except ValidationError:
        return
    assert found == list(dict.fromkeys(str(ipaddress.ip_address(word)) for word in found))
    assert re.search(v.ADDRESSES, str(found).replace("'", '"'))


@given(st.text(alphabet="abz019.-_AZ\n ", max_size=80))
def test_the_database_takes_exactly_the_names_that_the_validator_takes(name: str) -> None:
    try:
        v.validate_hostname(name)
        accepted = True
    except ValidationError:
        accepted = False
    assert bool(re.search(v.HOSTNAME, name)) == accepted


@pytest.mark.parametrize(
    "name", ["localhost.example.com", "a.localhost", "192.0.2.1", "a.7", "a." + "b" * 64, "é.example.com", "²a.b.c"]
)
def test_neither_takes_these(name: str) -> None:
    with pytest.raises(ValidationError):
        v.validate_hostname(name)
    assert not re.search(v.HOSTNAME, name)


@pytest.mark.parametrize("zone", ["2.0.192.in-addr.arpa", "10.IN-ADDR.ARPA.", "8.B.D.0.1.0.0.2.ip6.arpa"])
def test_reverse_zones(zone: str) -> None:
    v.validate_reverse_zone(zone)


@pytest.mark.parametrize("zone", ["256.in-addr.arpa", "01.in-addr.arpa", "in-addr.arpa", "g.ip6.arpa", "example.com"])
def test_other_zones_are_not_reverse(zone: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(zone)):
        v.validate_reverse_zone(zone)


@pytest.mark.parametrize("name", ["example.com", "Example.COM", "EX_AMPLE.COM", "../ETC.COM"])
def test_no_realm(name: str) -> None:
    with pytest.raises(ValidationError, match="EXAMPLE.COM"):
        v.validate_realm(name)


@pytest.mark.parametrize("name", ["", "-root", "root;id", "a" * 33])
def test_no_account(name: str) -> None:
    with pytest.raises(ValidationError, match="account"):
        v.validate_login(name)


@pytest.mark.parametrize(("reason", "kind"), [("because", "at least"), (" " * 40, "at least"), ("x" * 2001, "at most")])
def test_a_reason_says_something(reason: str, kind: str) -> None:
    with pytest.raises(ValidationError, match=kind):
        v.validate_reason(reason)


@pytest.mark.parametrize("name", ["EXAMPLE.COM", "LAB", "LAB1", "A-B.C2", "2026", "EXAMPLE.7", "A" * 63])
def test_realms(name: str) -> None:
    v.validate_realm(name)


@pytest.mark.parametrize(
    "name",
    ["", "lab", "Lab.example.com", "A_B", "-A", "A-", ".A", "A.", "A..B", "A B", "A/B", "A@B", "A" * 64, "Ä", "A\n"],
)
def test_what_is_not_a_realm(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a realm"):
        v.validate_realm(name)


@pytest.mark.parametrize(
    "name",
    [
        "root", "svc.portal", "svc_portal$", "Portal", "portal-2", "2portal", "_apt", "a", "p" * 32, ".hidden",
        "svc.portal@ad.example.com", "gmsa$@example.com", "svc-identity-portal@branch.ad.example.com",
        f"{'p' * 32}@{'d' * 200}.example.com",
    ],
)  # fmt: skip
def test_accounts(name: str) -> None:
    v.validate_login(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "-portal", ".", "..", "1000", "a b", "a:b", "a/b", "AD\\portal", "$a", "a$b", "a@", "@b", "a@b@c", "ä",
        "a\n", "a;b", "p" * 33, "a@-b", "a'b",
        f"{'p' * 33}@example.com", f"p@{'d' * 254}",
    ],
)  # fmt: skip
def test_what_is_not_an_account(name: str) -> None:
    with pytest.raises(ValidationError, match="is not an account name"):
        v.validate_login(name)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("127.0.0.1", "loopback"),
        ("127.1.2.3", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "no address"),  # noqa: S104 - refused
        ("::", "no address"),
        ("224.0.0.5", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("2001:db8::1%eth0", "names an interface"),
        ("::ffff:192.0.2.1", r"write 192\.0\.2\.1"),
        ("fec0::1", "site-local"),
        ("ipareplica.example.com", "not an IPv4 or IPv6"),
    ],
)
def test_ssh_addresses_that_no_other_host_has(word: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        v.parse_ssh_address(word)


@pytest.mark.parametrize(
    "word", ["192.0.2.1", "10.88.0.11", "192.168.1.1", "100.64.0.1", "FD00:88::0:11", "2001:db8::1"]
)
def test_ssh_addresses(word: str) -> None:
    assert v.parse_ssh_address(word) == str(ipaddress.ip_address(word))


def test_the_machine_of_the_portal_is_no_host(settings: Settings) -> None:
    own = own_machine.addresses()
    assert ipaddress.ip_address("127.0.0.1") in own
    if others := [str(one) for one in own if not one.is_loopback and not one.is_link_local]:
        with pytest.raises(ValidationError, match="own machine"):
            v.parse_ssh_address(others[0])
    settings.LOCAL_HOSTS = True
    assert v.parse_ssh_address("127.0.0.1") == "127.0.0.1"
    with pytest.raises(ValidationError, match="multicast"):
        v.parse_ssh_address("224.0.0.5")


@pytest.mark.parametrize("piece", ["a", ".", "a.", "-", "@", ":", " ", "1.1.1.1 ", "ä", "\u200b"])
def test_a_long_text_is_not_taken_for_a_host_name(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    begin = time.process_time()
    with pytest.raises(ValidationError, match="where Linux host names end") as refused:
        v.validate_hostname(text)
    assert len(refused.value.messages[0]) < 200
    assert v.suggest_hostname(text) == ""
    assert time.process_time() - begin < 0.5

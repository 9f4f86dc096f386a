"""Addresses that a server takes along, on what FreeIPA 4.9.11 was recorded to say; most calls are not recorded."""

from __future__ import annotations

import pytest

from replicas.backends.freeipa import host_addresses
from replicas.backends.freeipa.host_addresses import NOTED
from replicas.backends.freeipa.steps import clear
from replicas.backends.freeipa.steps.clear import ClearInterrupted
from replicas.lifecycle.job import JSON
from tests.replicas.backends.freeipa.conftest import Make
from tests.replicas.backends.freeipa.recording import written
from tests.replicas.clients.freeipa.conftest import Server

HOST = "replica2.example.com."
V4: list[JSON] = [HOST, "A", "10.77.0.12"]
V6: list[JSON] = [HOST, "AAAA", "2001:db8::12"]
BACK: list[JSON] = ["12.0.77.10.in-addr.arpa.", "PTR", HOST]


def shown(recorded: Server, name: str, zone: str, answer: str) -> None:
    written(recorded, "dnsrecord_show", "dnsrecord_show", [zone, name], {"all": True}, answer)


def noting(recorded: Server, answer: str) -> None:
    """The reverse zone of the recording has no record of the address."""
    recorded.expect("login_ok", "dnszone_find")
    shown(recorded, "replica2", "example.com", answer)
    if answer == "dnsrecord_show":
        shown(recorded, "12", "0.77.10.in-addr.arpa", "host_del_missing")
    shown(recorded, "replica2", "example.com", answer)


async def test_what_somebody_made_is_noted_before_the_server_takes_it_along(recorded: Server, context: Make) -> None:
    noting(recorded, "dnsrecord_show")
    await host_addresses.note(made := context())
    assert made.facts[NOTED] == [V4, V6]


async def test_where_somebody_made_none_nothing_is_noted(recorded: Server, context: Make) -> None:
    noting(recorded, "host_del_missing")
    await host_addresses.note(made := context())
    assert NOTED not in made.facts


async def test_what_is_left_of_them_does_not_replace_what_was_noted(context: Make) -> None:
    made = context()
    made.facts[NOTED] = [V4]
    await host_addresses.note(made)  # asks nothing
    assert made.facts[NOTED] == [V4]


async def test_what_has_no_zone_any_more_is_told_and_stops_nothing(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find")
    made = context()
    made.facts[NOTED] = [["replica2.example.net.", "A", "10.77.0.12"]]
    await host_addresses.restore(made)
    assert made.facts[NOTED] == []
    assert [level for level, text in made.lines if "example.net" in text] == ["warning"]


async def test_records_of_the_request_are_added_by_their_own_step(context: Make) -> None:
    await host_addresses.note(made := context(ip_addresses=("10.77.0.12",)))
    assert not made.facts


async def test_what_was_noted_is_put_back_once(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find")
    for name, zone, option in (
        ("replica2", "example.com", {"a_part_ip_address": "10.77.0.12"}),
        ("12", "0.77.10.in-addr.arpa", {"ptr_part_hostname": HOST}),
    ):
        written(recorded, "dnsrecord_add_srv", "dnsrecord_add", [zone, name], option, "dnsrecord_add_srv")
    made = context()
    made.facts[NOTED] = [V4, BACK]
    await host_addresses.restore(made)
    assert made.facts[NOTED] == []
    assert made.text.count("Put back") == 2
    await host_addresses.restore(made)  # asks nothing


async def test_an_attempt_that_was_cut_off_after_the_removal_still_puts_back(
    context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def half_made(ctx: object) -> bool:
        return False

    monkeypatch.setattr(clear, "half_made", half_made)
    made = context()
    assert await ClearInterrupted().done(made)
    made.facts[NOTED] = [V4]
    assert not await ClearInterrupted().done(made)


def test_who_approves_sees_what_is_put_back(context: Make) -> None:
    def told(**options: object) -> list[str]:
        return [one.what for one in ClearInterrupted().touches(context(**options).job) if one.kind == "record"]

    assert told() == [f"addresses of {HOST.rstrip('.')}, put back, if an attempt before left it half installed"]
    assert not told(ip_addresses=("10.77.0.12",))

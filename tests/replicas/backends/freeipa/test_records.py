"""Host records, on what FreeIPA 4.9.11 was recorded to say: the portal understands it, and no more is shown."""

from __future__ import annotations

import pytest

from replicas.backends.freeipa import zones
from replicas.backends.freeipa.steps.records import ADDED, AddHostRecords
from replicas.errors import DnsError
from replicas.lifecycle.base import Record
from replicas.lifecycle.steps.host_records import host_records
from tests.replicas.backends.freeipa.conftest import Make, job
from tests.replicas.backends.freeipa.recording import written
from tests.replicas.clients.freeipa.conftest import Server

A = Record("replica2.example.com.", "A", "10.77.0.12")
PTR = Record("12.0.77.10.in-addr.arpa.", "PTR", "replica2.example.com.")
ZONES = ["example.com.", "10.in-addr.arpa.", "0.77.10.in-addr.arpa.", "sub.example.com."]


async def test_an_address_record_is_added_once_and_noted_before(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find", "dnsrecord_show<-host_del_missing", "dnsrecord_show<-host_del_missing")
    written(
        recorded,
        "dnsrecord_add_duplicate",
        "dnsrecord_add",
        ["example.com", "replica2"],
        {"a_part_ip_address": "10.77.0.12"},
        "dnsrecord_add_a_with_reverse",
    )
    made = context(ip_addresses=("10.77.0.12",), no_reverse=True)
    await AddHostRecords(host_records(made.job)).run(made)
    assert made.facts[ADDED] == [
        {"name": A.name, "type": "A", "value": "10.77.0.12", "zone": "example.com", "at": "replica2"}
    ]
    assert "Added replica2.example.com. 3600 IN A 10.77.0.12" in made.text


async def test_an_identical_record_is_success_and_stays_when_undone(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find", "dnsrecord_show", "dnsrecord_show", "dnsrecord_add_duplicate")
    made = context(ip_addresses=("10.77.0.12",), no_reverse=True)
    step = AddHostRecords(host_records(made.job))
    await step.run(made)
    assert "Already there" in made.text
    await step.undo_realm(made)
    assert "No record was added" in made.text


async def test_a_record_that_is_there_is_done(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find", "dnsrecord_show")
    made = context(ip_addresses=("10.77.0.12",), no_reverse=True)
    assert await AddHostRecords(host_records(made.job)).done(made)


async def test_another_address_of_the_name_is_refused(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find", "dnsrecord_show")
    made = context(ip_addresses=("10.77.0.99",), no_reverse=True)
    with pytest.raises(DnsError, match=r"has another A record: replica2\.example\.com\. 10\.77\.0\.12"):
        await AddHostRecords(host_records(made.job)).run(made)
    assert not made.facts


async def test_a_pointer_goes_to_the_recorded_reverse_zone(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find")
    missing, place = "host_del_missing", ["0.77.10.in-addr.arpa", "12"]
    for _ in range(2):
        written(recorded, "dnsrecord_show", "dnsrecord_show", place, {"all": True}, missing)
    pointer = {"ptr_part_hostname": "replica2.example.com."}
    written(recorded, "dnsrecord_add_duplicate", "dnsrecord_add", place, pointer, "dnsrecord_add_a_with_reverse")
    made = context()
    await AddHostRecords((PTR,)).run(made)
    assert "Using reverse zone 0.77.10.in-addr.arpa." in made.text


def test_records_go_to_the_most_specific_zone() -> None:
    assert zones.place(PTR, ZONES) == zones.Placed(PTR, "0.77.10.in-addr.arpa", "12")
    assert zones.place(PTR, ZONES[:2]) == zones.Placed(PTR, "10.in-addr.arpa", "12.0.77")
    assert zones.place(A, ZONES) == zones.Placed(A, "example.com", "replica2")


@pytest.mark.parametrize(
    ("record", "known", "chosen", "why"),
    [
        (A, ["example.net."], "", "no zone for replica2.example.com"),
        (A, ["ple.com."], "", "no zone for"),
        (PTR, ["example.com."], "", "no reverse zone for"),
        (PTR, ZONES, "1.77.10.in-addr.arpa", "no reverse zone 1.77.10.in-addr.arpa. that holds"),
        (PTR, ZONES, "10.in-addr.arpa", "Choose 0.77.10.in-addr.arpa"),
    ],
)
def test_records_without_a_fitting_zone_are_refused(record: Record, known: list[str], chosen: str, why: str) -> None:
    with pytest.raises(DnsError) as caught:
        zones.place(record, known, chosen)
    assert why in str(caught.value)


def test_the_plan_names_every_record() -> None:
    wanted = job(ip_addresses=("10.77.0.12", "2001:db8::12"))
    touched = [touch.what for touch in AddHostRecords(host_records(wanted)).touches(wanted)]
    assert len(touched) == 4
    assert "12.0.77.10.in-addr.arpa. 3600 IN PTR replica2.example.com." in touched

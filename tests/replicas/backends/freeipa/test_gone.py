"""What is left of a server in the DNS, on what FreeIPA 4.9.11 was recorded to say; no more is shown."""

from __future__ import annotations

import pytest

from lab import Lab
from replicas.backends.freeipa import announcing, leads, records
from replicas.backends.freeipa.checks import CLAIM
from replicas.backends.freeipa.leads import Lead
from replicas.backends.freeipa.plan import ACTIONS
from replicas.backends.freeipa.steps.clean_records import CleanRecords
from replicas.backends.freeipa.steps.gone import in_names
from replicas.lifecycle.base import Record
from replicas.lifecycle.job import RealmFacts
from replicas.lifecycle.steps.zones import place
from tests.replicas.backends.freeipa.conftest import Make, job
from tests.replicas.backends.freeipa.recording import renamed, written
from tests.replicas.clients.freeipa.conftest import Server

DRY = "dns_update_system_records_dry_run"
HOST = "replica2.example.com"
LDAP = Record("_ldap._tcp.example.com.", "SRV", f"0 100 389 {HOST}.")
KERBEROS = Record("_kerberos._tcp.example.com.", "SRV", f"0 100 88 {HOST}.")
FOUND = [
    Lead(KERBEROS, "example.com.", "_kerberos._tcp", "0 100 88 replica2"),
    Lead(LDAP, "example.com.", "_ldap._tcp", f"0 100 389 {HOST}."),
]


def search(recorded: Server) -> None:
    """Every zone is searched by the first label of the name."""
    for zone, answer in (("0.77.10.in-addr.arpa.", "location_find"), ("example.com.", "dnsrecord_find")):
        written(recorded, "dnsrecord_find", "dnsrecord_find", [zone, "replica2"], {"all": True}, answer)


async def test_what_leads_to_a_server_is_found_however_it_was_written(recorded: Server) -> None:
    recorded.expect("login_ok", "dnszone_find")
    search(recorded)
    async with recorded.session() as opened:
        assert await leads.find(opened, HOST) == FOUND


async def test_the_primary_of_a_zone_is_among_it(recorded: Server) -> None:
    recorded.expect("login_ok")
    renamed(recorded, "dnszone_find", ipaserver="replica2")
    search(recorded)
    async with recorded.session() as opened:
        found = await leads.find(opened, HOST)
    assert [(one.zone, one.at) for one in found if one.primary] == [
        ("0.77.10.in-addr.arpa.", "@"),
        ("example.com.", "@"),
    ]


def test_what_somebody_made_is_not_the_realms_own() -> None:
    announced = [Record(LDAP.name, "SRV", "0 100 389 ipaserver.example.com.")]
    name_server, alias, mail = (
        Lead(Record(f"{name}example.com.", kind, value), "example.com.", name or "@", value)
        for name, kind, value in (("", "NS", f"{HOST}."), ("www.", "CNAME", f"{HOST}."), ("", "MX", f"10 {HOST}."))
    )
    primary = Lead(Record("example.com.", "SOA", f"{HOST}."), "example.com.", "@", f"{HOST}.", primary=True)
    assert leads.kept([*FOUND, name_server, alias, mail, primary], announced) == [FOUND[1], name_server, primary]


async def test_the_realms_records_are_written_anew_and_what_leads_to_the_server_goes(
    recorded: Server, context: Make
) -> None:
    recorded.expect("login_ok", "dns_update_system_records", DRY)
    renamed(recorded, "dnszone_find", ipaserver="replica2")
    search(recorded)
    recorded.expect(DRY, "config_show")
    for zone in ("0.77.10.in-addr.arpa.", "example.com."):
        options = {"idnssoamname": "ipaserver.example.com.", "force": True}
        written(recorded, "dnsrecord_del", "dnszone_mod", [zone], options, "dnsrecord_del")
    for one in FOUND:
        options = {"srvrecord": [one.written]}
        written(recorded, "dnsrecord_del", "dnsrecord_del", [one.zone, one.at], options, "dnsrecord_del")
    made = context("remove")
    made.facts[CLAIM] = True
    step = CleanRecords()
    await step.run(made)
    for zone in ("0.77.10.in-addr.arpa.", "example.com."):
        assert f"ipaserver.example.com is the primary name server of {zone} now" in made.text
    for one in FOUND:
        assert f"Removed «{one.record}» in the zone example.com." in made.text
    assert [level for level, _ in made.lines if level != "info"] == []
    assert await step.done(made)


async def test_where_the_installation_changed_nothing_no_record_is_touched(recorded: Server, context: Make) -> None:
    made = context("remove")
    await CleanRecords().run(made)
    assert await CleanRecords().done(made)


async def test_what_is_left_in_the_zones_is_named(recorded: Server, context: Make) -> None:
    made = context("remove")
    recorded.expect("login_ok", DRY, "dnszone_find")
    search(recorded)
    recorded.expect("config_show")
    async with recorded.session() as opened:
        left = await in_names(made, opened)
    assert left == [f"the record «{one.record}» in the zone example.com." for one in FOUND]


def test_a_realm_without_zones_has_no_records_to_bring_in_order() -> None:
    wanted = job("remove")
    keys = [step.key for step in ACTIONS["remove"](wanted)]
    assert keys[-2:] == ["clean-records", "prove-gone"]
    facts = RealmFacts("EXAMPLE.COM", "example.com", "dc=example,dc=com", "freeipa", False, "PEM")
    without = type(wanted)("remove", facts, wanted.master, wanted.replica, wanted.options)
    assert CleanRecords.key not in [step.key for step in ACTIONS["remove"](without)]


@pytest.mark.hosts
async def test_name_servers_are_asked_by_name_and_by_address(lab: Lab) -> None:
    address = str(lab.master.address)
    asked = records.questions([LDAP, Record("ipa-ca.example.com.", "A", address)])
    placed = await place(address, (*asked, Record("ipaserver.example.com.", "A", address)))
    (told,) = await announcing.leading(placed, "ipaserver.example.com")
    assert told.startswith("ipaserver.example.com answers «_ldap._tcp.example.com. ")
    assert await announcing.leading(placed, HOST) == []
    (told,) = await announcing.leading(placed, HOST, [address])
    assert told.endswith(f"IN A {address}»")

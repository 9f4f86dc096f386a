"""What is left of a server in the DNS, on what FreeIPA 4.9.11 was recorded to say; no more is shown."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lab import Lab
from replicas.backends.freeipa import access, announcing, leads, records, replication
from replicas.backends.freeipa.announcing import Said
from replicas.backends.freeipa.checks import CLAIM
from replicas.backends.freeipa.leads import Lead
from replicas.backends.freeipa.plan import ACTIONS
from replicas.backends.freeipa.removing import WAS_SERVER
from replicas.backends.freeipa.steps import gone
from replicas.backends.freeipa.steps.clean_records import CleanRecords
from replicas.backends.freeipa.steps.gone import InNames, in_names, told
from replicas.clients import dns_update, ssh
from replicas.clients.dns import NameServer
from replicas.errors import StepError
from replicas.lifecycle.base import Record
from replicas.lifecycle.job import RealmFacts
from replicas.lifecycle.steps.zones import Placed, place
from replicas.lifecycle.undo import UNDONE
from tests.replicas.backends.freeipa.conftest import Make, RealmContext, job
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


@pytest.mark.parametrize(
    ("name", "kind", "own"),
    [
        ("", "NS", True),
        ("_ldap._tcp.", "SRV", True),
        ("_ntp._udp.", "SRV", True),
        ("_kpasswd.", "URI", True),
        ("_kerberos._udp.paris._locations.", "SRV", True),
        ("_ldap._tcp.default-first-site-name._sites.dc._msdcs.", "SRV", True),
        ("_ldap._tcp.dc._msdcs.paris._locations.", "SRV", True),
        ("sub.", "NS", False),
        ("www.", "CNAME", False),
        ("", "MX", False),
        ("_ldap._tcp.sub.", "SRV", False),
        ("_http._tcp.", "SRV", False),
        ("_kerberos.", "CNAME", False),
    ],
)
def test_the_realms_own_records_are_told_from_what_somebody_made(name: str, kind: str, own: bool) -> None:
    lead = Lead(Record(f"{name}example.com.", kind, f"{HOST}."), "example.com.", name.rstrip(".") or "@", f"{HOST}.")
    elsewhere = Lead(Record(f"{name}example.net.", kind, f"{HOST}."), "example.net.", lead.at, f"{HOST}.")
    assert leads.kept([lead], "example.com") == [lead] * own
    assert leads.kept([elsewhere], "example.com") == [elsewhere] * (name == "" and own)


async def cleaned(recorded: Server, made: RealmContext, answer: str) -> None:
    """Two records lead to the server; the realm answers so when the first one is removed."""
    recorded.expect("login_ok", "dns_update_system_records", DRY, "config_show", "dnszone_find")
    search(recorded)
    recorded.expect("config_show")
    for one, said in zip(FOUND, (answer, "dnsrecord_del"), strict=True):
        written(recorded, "dnsrecord_del", "dnsrecord_del", [one.zone, one.at], {"srvrecord": [one.written]}, said)
    made.facts |= {CLAIM: True, WAS_SERVER: True}
    await CleanRecords().run(made)


async def test_the_realms_records_are_written_anew_and_what_leads_to_the_server_goes(
    recorded: Server, context: Make
) -> None:
    recorded.expect("login_ok", "dns_update_system_records", DRY, "config_show")
    renamed(recorded, "dnszone_find", ipaserver="replica2")
    search(recorded)
    recorded.expect("config_show")
    for zone in ("0.77.10.in-addr.arpa.", "example.com."):
        options = {"idnssoamname": "ipaserver.example.com.", "force": True}
        written(recorded, "dnsrecord_del", "dnszone_mod", [zone], options, "dnsrecord_del")
    for one in FOUND:
        options = {"srvrecord": [one.written]}
        written(recorded, "dnsrecord_del", "dnsrecord_del", [one.zone, one.at], options, "dnsrecord_del")
    made = context("remove")
    made.facts |= {CLAIM: True, WAS_SERVER: True}
    step = CleanRecords()
    await step.run(made)
    for zone in ("0.77.10.in-addr.arpa.", "example.com."):
        assert f"ipaserver.example.com is the primary name server of {zone} now" in made.text
    for one in FOUND:
        assert f"Removed «{one.record}» in the zone example.com." in made.text
    assert [level for level, _ in made.lines if level != "info"] == []
    assert await step.done(made)


@pytest.mark.parametrize("fact", [CLAIM, WAS_SERVER])
async def test_where_no_server_was_made_no_record_is_touched(recorded: Server, context: Make, fact: str) -> None:
    """A leftover that the realm did not let go is in service: it was not claimed."""
    made = context("undo")
    made.facts[fact] = True
    step = CleanRecords()
    await step.run(made)
    assert "was made here" in made.text
    assert await step.done(made)


@pytest.mark.parametrize(("answer", "level"), [("server_del_missing", "info"), ("dnsrecord_add_duplicate", "info")])
async def test_what_is_gone_meanwhile_or_is_nothing_to_change_stops_nothing(
    recorded: Server, context: Make, answer: str, level: str
) -> None:
    await cleaned(recorded, made := context("remove"), answer)
    assert [found for found, _ in made.lines] == [level] * len(made.lines)


async def test_what_the_realm_refuses_is_a_warning_and_the_rest_is_done(recorded: Server, context: Make) -> None:
    await cleaned(recorded, made := context("remove"), "host_add_bad_name")
    assert [level for level, _ in made.lines if level == "warning"] == ["warning"]
    assert f"Removed {FOUND[1]}" in made.text


async def test_what_is_left_in_the_zones_is_named(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", DRY, "dnszone_find")
    search(recorded)
    recorded.expect("config_show")
    names = await in_names(context("remove"))
    assert names.left == tuple(f"the record «{one.record}» in the zone example.com." for one in FOUND)
    assert names.said == Said((), (), ())


async def test_name_servers_are_asked_for_what_the_last_of_a_role_had_too(
    recorded: Server, context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[Record] = []

    async def those_that_tell(ctx: object, opened: object, asked: list[Record]) -> tuple[()]:
        wanted.extend(asked)
        return ()

    monkeypatch.setattr(announcing, "those_that_tell", those_that_tell)
    recorded.expect("login_ok", DRY, "dnszone_find")
    search(recorded)
    await in_names(context("remove"))
    names = [(one.name, one.type) for one in wanted]
    assert len(names) == len(set(names))
    assert {
        ("example.com.", "NS"),
        ("_ldap._tcp.example.com.", "SRV"),
        ("_kerberos._udp.default-first-site-name._sites.dc._msdcs.example.com.", "SRV"),
        ("ipa-ca.example.com.", "A"),
        ("ipa-ca.example.com.", "AAAA"),
    } <= set(names)


@pytest.mark.parametrize("silent", [(), ("other.example.com",)])
def test_nobody_is_said_to_have_answered_who_was_not_asked(context: Make, silent: tuple[str, ...]) -> None:
    made = context("remove")
    *_, proof, _host = told(made, InNames((), Said((), (), silent)))
    assert proof == f"No name server was asked about {HOST}."
    assert f"_ldap._tcp.example.com. 3600 IN SRV 0 100 389 {HOST}." in made.text
    assert ("other.example.com" in made.text) == bool(silent)


@pytest.fixture
def settling(monkeypatch: pytest.MonkeyPatch) -> list[InNames]:
    """What name servers say, one answer after the other; nothing else is left."""
    answers: list[InNames] = []

    async def in_names(ctx: object) -> InNames:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def nothing(ctx: object) -> list[str]:
        return []

    monkeypatch.setattr(gone, "in_names", in_names)

    async def mend(ctx: object, names: InNames) -> None:
        """Needs the realm, and has tests of its own."""

    monkeypatch.setattr(gone, "_mend", mend)
    for name in ("in_realm", "on_host"):
        monkeypatch.setattr(gone, name, nothing)
    monkeypatch.setattr(gone, "POLL_SECONDS", 0.01)
    return answers


STILL = f"slow.example.com answers «{LDAP}»"


async def test_name_servers_are_waited_for_longer_than_the_rest(context: Make, settling: list[InNames]) -> None:
    made = context("remove")
    made.facts |= {CLAIM: True, WAS_SERVER: True}
    settling += [InNames((), Said((STILL,), ("slow.example.com",), ()))] * 3
    settling += [InNames((), Said((), ("slow.example.com",), ()))]
    step = gone.ProveGone()
    await step.run(made)
    assert made.text.count("Waiting until the change has reached every server") == 1
    assert await step.done(made)


async def test_what_comes_back_while_name_servers_are_waited_for_has_its_own_time(
    context: Make, settling: list[InNames], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(step=10.0)
    monkeypatch.setattr(gone, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(gone, "REPLICATED_SECONDS", 60.0)
    made = context("remove")
    made.facts |= {CLAIM: True, WAS_SERVER: True}
    slow, clean = (InNames((), Said(leads, ("slow.example.com",), ())) for leads in ((STILL,), ()))
    settling += [*[slow] * 5, InNames(("the record x",), Said((), (), ())), clean]
    step = gone.ProveGone()
    await step.run(made)
    assert await step.done(made)
    settling[:] = [*[slow] * 5, InNames(("the record x",), Said((), (), ()))]
    with pytest.raises(StepError, match="still present: the record x"):
        await step.run(made)


async def test_who_said_otherwise_and_is_silent_now_is_waited_for(context: Make, settling: list[InNames]) -> None:
    made = context("remove")
    made.facts |= {CLAIM: True, WAS_SERVER: True}
    led, silent = (
        InNames((), Said((STILL,), ("slow.example.com",), ())),
        InNames((), Said((), (), ("slow.example.com",))),
    )
    settling += [led, silent, silent, silent, led, silent]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gone, "REPLICATED_SECONDS", 0.3)
        with pytest.raises(StepError, match="do not answer any more"):
            await gone.ProveGone().run(made)


@pytest.mark.parametrize("names", [InNames(("the record x",), Said((), (), ())), InNames((), Said((STILL,), (), ()))])
async def test_what_is_left_in_the_end_begins_the_removal_again(
    context: Make, settling: list[InNames], names: InNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gone, "REPLICATED_SECONDS", 0.05)
    made = context("remove")
    made.facts |= {CLAIM: True, WAS_SERVER: True, UNDONE: ["undo-promote-replica"]}
    settling.append(names)
    with pytest.raises(StepError, match=r"still present: (the record x|slow\.example\.com answers)"):
        await gone.ProveGone().run(made)
    assert made.facts[UNDONE] == []


def test_the_jobs_master_comes_first_and_a_lost_one_is_left_out() -> None:
    servers = ["a.example.com", HOST, "ipaserver.example.com", "z.example.com"]
    assert announcing.in_service(job("remove"), servers) == [servers[2], servers[0], servers[3], HOST]
    assert announcing.in_service(job("remove", instead_of="a.example.com"), servers)[1:] == ["z.example.com", HOST]


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
    (led,) = (await announcing.leading(placed, "ipaserver.example.com")).leads
    assert led.startswith("ipaserver.example.com answers «_ldap._tcp.example.com. ")
    assert await announcing.leading(placed, HOST) == Said((), ("ipaserver.example.com",), ())
    (led,) = (await announcing.leading(placed, HOST, records.parsed([address]))).leads
    assert led.endswith(f"IN A {address}»")
    mute = [
        Placed(one.record, replace(one.zone, servers=(NameServer("mute.example.com.", ("127.0.0.1",)),)))
        for one in placed
    ]
    assert await announcing.leading(mute, HOST) == Said((), (), ("mute.example.com",))


@pytest.fixture
def serving(lab: Lab, recorded: Server, context: Make, monkeypatch: pytest.MonkeyPatch) -> RealmContext:
    """The recorded realm, whose zones the lab's name server serves, and a silent one that is asked before it."""

    async def address_of(ctx: object, hostname: str) -> str:
        return "127.0.0.1" if hostname == "dead.example.com" else str(lab.master.address)

    monkeypatch.setattr(replication, "address_of", address_of)
    monkeypatch.setattr(announcing, "SERVED_SECONDS", 0.0)
    monkeypatch.setattr(announcing, "STAYS_SECONDS", 0.1)
    return context("remove")


def expect(recorded: Server, names: str, shared: str, times: int) -> None:
    """That often the realm tells its records, with an address of its authorities, its name servers and its zones."""
    assert recorded.replay
    for _ in range(times):
        recorded.expect(names)
        if names == "dns_update_system_records":
            recorded.expect(DRY)
        told = recorded.replay.armed[-1] = copy.deepcopy(recorded.replay.armed[-1])
        told["response"]["body"]["result"]["result"]["ipa_records"] += [shared] if shared else []
        recorded.expect("config_show")
        told = recorded.replay.armed[-1] = copy.deepcopy(recorded.replay.armed[-1])
        roles = {
            "dns_server_server": ["dead.example.com", "live.example.com"],
            "ca_server_server": ["live.example.com"],
        }
        told["response"]["body"]["result"]["result"] |= roles
        if shared:
            recorded.expect("dnszone_find")


@pytest.mark.hosts
async def test_what_a_name_server_has_lost_is_written_up_to_three_times(
    recorded: Server, serving: RealmContext
) -> None:
    recorded.expect("login_ok")
    expect(recorded, "dns_update_system_records", "ipa-ca.example.com. 3600 IN A 192.0.2.7", 3)
    async with access.session(serving) as opened:
        await announcing.update(serving, opened)
    assert "ipaserver.example.com does not serve «ipa-ca.example.com. 3600 IN A 192.0.2.7»" in serving.text
    assert "up to date" not in serving.text


@pytest.mark.hosts
async def test_what_is_served_is_written_once(
    lab: Lab, recorded: Server, serving: RealmContext, master: ssh.Host
) -> None:
    record = Record("ipa-ca.example.com.", "A", "192.0.2.7")
    key = dns_update.parse_key((await master.read("/etc/bind/ipa.key")).decode())
    address = str(lab.master.address)
    await dns_update.add(address, "example.com.", record, key)
    recorded.expect("login_ok")
    expect(recorded, "dns_update_system_records", str(record), 1)
    expect(recorded, DRY, str(record), 1)
    try:
        async with access.session(serving) as opened:
            await announcing.update(serving, opened)
            await announcing.mend(serving, opened)
    finally:
        await dns_update.remove(address, "example.com.", record, key)
    assert serving.text == "EXAMPLE.COM has brought its service records up to date"


@pytest.mark.hosts
async def test_authorities_without_an_address_are_told(recorded: Server, serving: RealmContext) -> None:
    recorded.expect("login_ok")
    expect(recorded, "dns_update_system_records", "", 1)
    async with access.session(serving) as opened:
        await announcing.update(serving, opened)
    assert "finds no address of its authorities (live.example.com)" in serving.text

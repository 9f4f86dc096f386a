"""Preparing a replica, on what FreeIPA 4.9.11 was recorded to say: the portal understands it, and no more is shown."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from replicas.backends.freeipa import bundle, leftovers
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.backend import FreeIpaBackend
from replicas.backends.freeipa.installer_options import SINCE
from replicas.backends.freeipa.steps.prepare import (
    HOST_ADDED,
    MEMBER_ADDED,
    MEMBER_BEFORE,
    PrepareBundle,
    invite,
    uninvite,
)
from replicas.clients import vectors
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import CERTIFICATE_FILES, LISTS, NUMBERS, SOME_REALMS, TEXTS, Job
from replicas.lifecycle.steps import packing
from replicas.realm_rules import ONLY_LATER
from tests.replicas.backends.freeipa.conftest import Make, job
from tests.replicas.backends.freeipa.recording import renamed, written
from tests.replicas.clients.freeipa.conftest import Server

LOGIN = "login_ok"
ABSENT = "host_show<-host_del_missing"
SEGMENTS = ("topologysuffix_find", "topologysegment_find")


async def test_a_new_host_gets_the_recorded_one_time_password(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN, ABSENT, "host_add_random", "hostgroup_add_member")
    made = context()
    checked: Context = made
    async with session(made) as opened:
        password = await invite(checked, opened)
    assert password == "3Qj5R2C5lBtJOw1EEbyjw1P"
    assert made.masked == [password]
    assert made.facts == {HOST_ADDED: True, MEMBER_ADDED: True}
    assert password not in made.text


async def test_a_host_that_was_added_without_an_answer_gets_another_password(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN, ABSENT, "host_add_duplicate", "host_mod_random", "hostgroup_add_member_again")
    made = context()
    async with session(made) as opened:
        assert await invite(made, opened) == "9Mw&4/oB6?3QLi0%vsy*K9"
    assert "already a member" in made.text


async def test_a_known_host_stays_when_it_is_undone(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN, "host_show", "host_mod_random", "hostgroup_add_member")
    recorded.expect("hostgroup_remove_member", "host_show")
    written(recorded, "server_show", "server_show", ["replica2.example.com"], {"all": True}, "server_show_missing")
    recorded.expect("host_mod_random")
    made = context()
    async with session(made) as opened:
        await invite(made, opened)
        assert made.facts == {MEMBER_ADDED: True}
        await uninvite(made, opened)
    assert "was in EXAMPLE.COM before, and stays" in made.text


async def test_a_host_that_might_promote_itself_before_still_may_when_it_is_undone(
    recorded: Server, context: Make
) -> None:
    recorded.expect(LOGIN, "host_show")
    assert recorded.replay
    shown = recorded.replay.armed[-1] = copy.deepcopy(recorded.replay.armed[-1])
    # What 4.12.4 answers for a member; nobody recorded one.
    shown["response"]["body"]["result"]["result"]["memberof_hostgroup"] = ["ipaservers"]
    recorded.expect("host_mod_random", "hostgroup_add_member_again", "host_show")
    written(recorded, "server_show", "server_show", ["replica2.example.com"], {"all": True}, "server_show_missing")
    recorded.expect("host_mod_random")
    made = context()
    async with session(made) as opened:
        await invite(made, opened)
        assert made.facts == {MEMBER_BEFORE: True}
        await uninvite(made, opened)
    assert "no member of ipaservers any more" not in made.text


async def test_the_host_of_a_server_is_left_to_undo(recorded: Server, context: Make) -> None:
    """Revoking a used bundle: FreeIPA refuses to remove or disable the host of a server (3009)."""
    recorded.expect(LOGIN)
    renamed(recorded, "hostgroup_remove_member", replica2="ipaserver")
    renamed(recorded, "host_show", replica2="ipaserver")
    recorded.expect("server_show")
    made = context(replica="ipaserver")
    made.facts[HOST_ADDED] = True
    async with session(made) as opened:
        await uninvite(made, opened)
    assert "its host entry goes with the server" in made.text


async def test_without_the_lost_master_only_its_bundle_is_left(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN, "hostgroup_remove_member", "host_show")
    written(recorded, "server_show", "server_show", ["replica2.example.com"], {"all": True}, "server_show_missing")
    recorded.expect("host_mod_random")
    made = context("undo", instead_of="lost.example.com")
    step = PrepareBundle(made.job)
    await step.undo_realm(made)  # the context has no hosts
    assert ("warning", f"Left out on lost.example.com, which is worked without: {made.job.bundle_path}") in made.lines
    assert "no member of ipaservers any more" in made.text
    assert "file" not in {touch.kind for touch in step.undo_touches(made.job)}
    assert [one for one in step.undo_lasting(made.job) if "the bundle on it stays" in one]


async def test_an_enrolled_host_gets_no_password(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN, "host_show")
    assert recorded.replay
    recorded.replay.armed[-1] = enrolled(recorded.replay.armed[-1])
    made = context()
    async with session(made) as opened:
        with pytest.raises(StepError, match=r"replica2\.example\.com is enrolled"):
            await invite(made, opened)


def enrolled(exchange: dict[str, object]) -> dict[str, object]:
    told: dict[str, object] = json.loads(json.dumps(exchange).replace('"has_keytab": false', '"has_keytab": true'))
    assert told != exchange
    return told


async def test_leftovers_of_an_earlier_server_are_all_named_with_the_commands(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN)
    renamed(recorded, "server_show", ipaserver="ipareplica")
    recorded.expect(*SEGMENTS)
    renamed(recorded, "host_show", replica2="ipareplica")
    assert recorded.replay
    recorded.replay.armed[-1] = enrolled(recorded.replay.armed[-1])
    async with session(context()) as opened:
        with pytest.raises(StepError, match=r"the server entry .*, the domain segment .*, the enrolled host") as caught:
            await leftovers.refuse(opened, "ipareplica.example.com")
    for command in ("ipa server-del", "ipa topologysegment-del domain", "ipa host-del ipareplica.example.com"):
        assert command in caught.value.remedy


async def test_a_host_that_is_only_prepared_is_no_leftover(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN)
    recorded.expect("server_show<-server_show_missing")
    assert recorded.replay
    call = recorded.replay.armed[-1]
    asked = json.loads(json.dumps(call["request"]).replace('ipaserver.example.com"]', 'replica2.example.com"]'))
    recorded.replay.armed[-1] = call | {"request": asked}
    recorded.expect(*SEGMENTS, "host_show")
    async with session(context()) as opened:
        await leftovers.refuse(opened, "replica2.example.com")


def test_replica_ids_are_read_from_an_update_vector() -> None:
    values = [
        "{replicageneration} 5f1a",
        "{replica 4 ldap://ipaserver.example.com:389} 5f1b 5f1c",
        "{replica 3 ldap://replica2.example.com:389}",
        "{replica 7 ldap://Replica2.example.com:389} 5f1b 5f1c",
        "{replica 9}",
    ]
    known = vectors.suppliers(values)
    assert known == {4: "ipaserver.example.com", 3: "replica2.example.com", 7: "replica2.example.com", 9: ""}


def test_a_bundle_has_the_authority_the_password_and_answers_without_it() -> None:
    wanted = job(ca="CA PEM", ip_addresses=("10.77.0.12",), setup_dns=True, forwarders=("192.0.2.53",), setup_ca=True)
    members = bundle.members(wanted, "one-time")
    assert packing.unpack(packing.pack(members)) == members
    assert (members["ca.crt"], members["host_password.txt"]) == (b"CA PEM", b"one-time")
    answers = json.loads(members["answers.json"])
    assert "one-time" not in members["answers.json"].decode()
    assert answers["promote"] == [
        "--unattended", "--skip-conncheck", "--setup-ca", "--setup-dns", "--ip-address=10.77.0.12",
        "--forwarder=192.0.2.53", "--forward-policy=first", "--no-reverse",
    ]  # fmt: skip
    assert "--hostname=replica2.example.com" in answers["enrol"]


def test_without_forwarders_no_policy_is_given() -> None:
    assert bundle.forwarding(job(setup_dns=True, no_forwarders=True, no_dnssec_validation=True)) == [
        "--no-forwarders",
        "--no-dnssec-validation",
    ]


EVERYTHING: dict[str, Any] = {
    **dict.fromkeys(SOME_REALMS, True),
    **{name: f"/root/{name}" for name in (*TEXTS, *CERTIFICATE_FILES)},
    **{name: (f"{name}-1", f"{name}-2") for name in LISTS},
    **dict(zip(NUMBERS, (0, 200000), strict=True)),
    **{"setup_ca": True, "setup_dns": True, "forwarders": ("192.0.2.53",)},
}
ZONES = ("2.0.192.in-addr.arpa", "3.0.192.in-addr.arpa")
ELSEWHERE = {"more_reverse_zones": "--reverse-zone", "dot_forwarders": "--dot-forwarder", "ntp_servers": "--ntp-server"}


def test_each_option_goes_to_the_installer_that_knows_it() -> None:
    wanted = job(**EVERYTHING)
    client, server = bundle.enrolment(wanted), bundle.promotion(wanted)
    assert client[5:] == [
        "--no-ntp", "--mkhomedir", "--no-ssh", "--no-sshd", "--no-dns-sshfp", "--ssh-trust-dns", "--subid",
        "--ntp-server=ntp_servers-1", "--ntp-server=ntp_servers-2", "--ntp-pool=/root/ntp_pool",
    ]  # fmt: skip
    given = {argument.partition("=")[0] for argument in (*client, *server)}
    for name in {*SOME_REALMS, *LISTS, *TEXTS, *NUMBERS, *CERTIFICATE_FILES} - {"leftovers_reason", *ONLY_LATER}:
        assert ELSEWHERE.get(name, f"--{name.replace('_', '-')}") in given, name
    assert {"--rid-base=0", "--secondary-rid-base=200000"} < set(server)
    assert not given & {f"--{name.replace('_', '-')}" for name in ONLY_LATER}


def test_without_choices_nothing_is_said() -> None:
    assert bundle.promotion(job()) == ["--unattended", "--skip-conncheck"]
    assert len(bundle.enrolment(job())) == 5


def test_the_installer_finds_a_realm_of_one_label_by_itself() -> None:
    """It refuses to be given its name: "single label realms are not supported"."""
    wanted = job()
    wanted = replace(wanted, realm=replace(wanted.realm, name="LAB", domain="lab.example.com"))
    arguments = bundle.enrolment(wanted)
    assert "--domain=lab.example.com" in arguments
    assert not [one for one in arguments if one.startswith("--realm")]
    assert "--realm=EXAMPLE.COM" in bundle.enrolment(job())


def test_a_plan_of_an_older_portal_has_none_of_them() -> None:
    frozen = job().to_json()
    for name in EVERYTHING.keys() - {"setup_ca", "setup_dns", "forwarders"}:
        del frozen["options"][name]
    assert Job.from_json(frozen) == job()
    assert Job.from_json(json.loads(json.dumps(job(**EVERYTHING).to_json()))) == job(**EVERYTHING)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, ["--no-reverse"]),
        ({"reverse_zone": ZONES[0]}, ["--no-reverse"]),
        ({"reverse_zone": ZONES[0], "more_reverse_zones": ZONES[1:]}, [f"--reverse-zone={ZONES[1]}"]),
        ({"more_reverse_zones": ZONES}, [f"--reverse-zone={zone}" for zone in ZONES]),
        ({"reverse_zone": ZONES[0], "auto_reverse": True}, ["--auto-reverse"]),
        ({"auto_reverse": True, "allow_zone_overlap": True}, ["--auto-reverse", "--allow-zone-overlap"]),
        ({"allow_zone_overlap": True}, ["--no-reverse", "--allow-zone-overlap"]),
    ],
)  # fmt: skip
def test_zones_are_made_where_they_are_asked_for(options: dict[str, Any], arguments: list[str]) -> None:
    assert bundle.reverse(job(setup_dns=True, **options)) == arguments


def test_forwarders_of_the_system_and_over_tls_go_with_others() -> None:
    wanted = job(setup_dns=True, auto_forwarders=True, forwarders=("192.0.2.53",))
    assert bundle.forwarding(wanted) == ["--auto-forwarders", "--forwarder=192.0.2.53", "--forward-policy=first"]
    secure = job(
        setup_dns=True, dns_over_tls=True, dot_forwarders=("192.0.2.53#dns.example.com",), dns_policy="enforced"
    )
    assert bundle.encryption(secure) == [
        "--dns-over-tls", "--dot-forwarder=192.0.2.53#dns.example.com", "--dns-policy=enforced"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "newer"),
    [
        ("4.9.8-7.el9", set()),
        ("4.9", set()),
        ("4.9.10", {"subid"}),
        ("4.11.9", {"subid"}),
        ("4.12.2-14.el10", set(SINCE)),
        ("4.13.1", set(SINCE)),
    ],
)
def test_options_are_offered_since_the_version_that_introduced_them(version: str, newer: set[str]) -> None:
    backend = FreeIpaBackend()
    offered = backend.offered({"FreeIPA": version}, {})
    assert set(SINCE) <= backend.options
    assert offered & set(SINCE) == newer
    assert backend.options - offered <= set(SINCE)


def test_an_unknown_release_has_what_all_have() -> None:
    assert FreeIpaBackend().offered({}, {}) == FreeIpaBackend().options - set(SINCE)


def test_leftovers_are_removed_only_with_a_reason_and_shown_to_approvers() -> None:
    backend, reason = FreeIpaBackend(), "Its machine burnt down."
    assert "remove-leftovers" not in [step.key for step in backend.steps(job())]
    asked = job(leftovers_reason=reason)
    keys = [step.key for step in backend.steps(asked)]
    assert keys[:2] == ["check-hosts", "remove-leftovers"]
    step = backend.steps(asked)[1]
    shown = " ".join(map(str, step.touches(asked)))
    for part in ("server replica2.example.com", "host replica2.example.com", "replica ids of replica2.example.com"):
        assert part in shown
    assert step.lasting(asked)
    # Undoing the installation takes nothing away that it did not make.
    assert "undo-remove-leftovers" not in [step.key for step in backend.steps(job("undo", leftovers_reason=reason))]


async def test_records_that_would_be_lost_with_leftovers_are_asked_for(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN, "dnszone_find")
    made = context(leftovers_reason="Its machine burnt down.")
    async with session(made) as opened:
        with pytest.raises(StepError, match="address records of replica2") as caught:
            await leftovers.refuse_lost_records(made, opened)
        assert "IP addresses in the request" in caught.value.remedy
        await leftovers.refuse_lost_records(context(ip_addresses=("10.77.0.12",)), opened)


async def test_what_is_left_is_found_whole(recorded: Server, context: Make) -> None:
    recorded.expect(LOGIN)
    renamed(recorded, "server_show", ipaserver="ipareplica")
    recorded.expect(*SEGMENTS)
    renamed(recorded, "host_show", replica2="ipareplica")
    async with session(context()) as opened:
        found = await leftovers.entries(opened, "ipareplica.example.com")
    assert found.server
    assert len(found.segments) == 1
    assert not found.enrolled
    assert leftovers.Leftovers(False, (), False, (3, 7)).commands("x") == (
        "ipa-replica-manage clean-ruv 3; ipa-replica-manage clean-ruv 7"
    )
    assert not leftovers.Leftovers(False, (), False)

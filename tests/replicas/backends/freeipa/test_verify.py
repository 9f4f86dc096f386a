"""Verifying, looking and removing, on what FreeIPA 4.9.11 was recorded to say: the portal understands it, no more."""

from __future__ import annotations

import copy
import json
from typing import get_args

import pytest

from replicas.backends.freeipa import health, realm, records, serving
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.backend import FreeIpaBackend
from replicas.backends.freeipa.beforehand import ADVICE, CHECKS, HINDRANCES
from replicas.backends.freeipa.realm import Segment
from replicas.backends.freeipa.steps import verify
from replicas.backends.freeipa.steps.check import CheckHosts
from replicas.backends.freeipa.steps.removable import parts, refuse_cut, refuse_last
from replicas.backends.freeipa.steps.verify import MISSING, VerifySystemRecords
from replicas.backends.freeipa.symptoms import SYMPTOMS
from replicas.clients.replication import Copy
from replicas.clients.vectors import Changes
from replicas.errors import DnsError, HostUnreachable, StepError, WrongPassword
from replicas.lifecycle.base import Record
from replicas.lifecycle.job import Action
from replicas.lifecycle.steps import convergence
from replicas.lifecycle.steps.service_records import service_records
from replicas.lifecycle.symptoms import recognise, tables
from tests.replicas.backends.freeipa.conftest import Make, job
from tests.replicas.backends.freeipa.recording import renamed
from tests.replicas.clients.freeipa.conftest import Server

REPLICA = "ipareplica.example.com"
DRY_RUN, CONFIG = "dns_update_system_records_dry_run", "config_show"


async def test_the_recorded_realm_expects_these_records_of_its_replica(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", DRY_RUN)
    async with session(context()) as opened:
        found = await records.expected(opened, REPLICA)
    assert len(found) == 11
    assert {one.type for one in found} == {"SRV", "URI"}
    static = {str(one) for one in service_records(job(replica="ipareplica"))}
    assert static == {str(one) for one in found if one.type == "SRV"}
    assert all("ipaserver" not in one.value for one in found)


async def test_without_a_name_server_of_the_realm_the_records_are_told(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok")
    renamed(recorded, "server_role_find", ipaserver="ipareplica")
    recorded.expect(DRY_RUN, CONFIG)
    made = context(replica="ipareplica")
    await VerifySystemRecords(()).run(made)
    missing = made.facts[MISSING]
    assert isinstance(missing, list)
    assert len(missing) == 11
    assert "_ldap._tcp.example.com. 3600 IN SRV 0 100 389 ipareplica.example.com." in missing
    assert "No server of EXAMPLE.COM serves its zones" in made.text


@pytest.mark.parametrize("location", ["", "paris"])
async def test_a_name_server_in_a_location_answers_plain_names_with_aliases(
    recorded: Server, context: Make, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    plain, located = (
        Record(f"_ldap._tcp.{part}example.com.", "SRV", f"0 100 389 {REPLICA}.") for part in ("", "paris._locations.")
    )
    shared = Record("ipa-ca.example.com.", "A", "10.77.0.11")

    async def servers(opened: object) -> list[realm.Server]:
        return [realm.Server("ipaserver.example.com", ("IPA master", "DNS server"), ("domain",), location)]

    monkeypatch.setattr(realm, "servers", servers)
    recorded.expect("login_ok")
    async with session(context()) as opened:
        wanted = await verify._answered(opened, (plain, located, shared))
    assert wanted == ((located, shared) if location else (plain, located, shared))


async def test_a_server_that_is_not_announced_is_an_error(
    recorded: Server, context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convergence, "REPLICATED_SECONDS", 0.0)
    recorded.expect("login_ok", DRY_RUN)
    with pytest.raises(StepError, match="expects no record of replica2"):
        await VerifySystemRecords(()).run(context("unhide"))


@pytest.mark.parametrize("line", ["", "x 3600 IN SRV", "x soon IN SRV 0 100 389 y.", "x 3600 CH TXT y"])
def test_what_is_no_record_is_an_error(line: str) -> None:
    with pytest.raises(DnsError, match="is not a DNS record"):
        records.read(line)


def test_a_host_is_not_taken_for_one_whose_name_ends_alike() -> None:
    lines = [
        '_kerberos.example.com. 3600 IN URI 0 100 "krb5srv:m:tcp:my-ipareplica.example.com."',
        "_ldap._tcp.example.com. 3600 IN SRV 0 100 389 my-ipareplica.example.com.",
    ]
    assert records.leading(lines, REPLICA) == ()


def test_an_authoritys_address_is_looked_for_at_the_name_that_all_share() -> None:
    lines = ["ipa-ca.example.com. 3600 IN A 10.77.0.11", "ipa-ca.example.com. 3600 IN AAAA fd00::11"]
    assert records.leading(lines, REPLICA) == ()
    found = records.leading(lines, REPLICA, ("10.77.0.11", "FD00:0::11"))
    assert [(one.type, one.value) for one in found] == [("A", "10.77.0.11"), ("AAAA", "fd00::11")]
    assert records.leading(lines, REPLICA, ("10.77.0.1",)) == ()


async def test_roles_of_the_recorded_server_are_enabled(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_role_find")
    made = context(replica="ipaserver")
    async with session(made) as opened:
        assert await serving.require_roles(opened, made.job) == "Enabled on ipaserver.example.com: IPA master."


async def test_a_role_that_is_missing_or_only_configured_is_an_error(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_role_find")
    assert recorded.replay
    said = json.dumps(recorded.replay.armed[-1]["response"])
    recorded.replay.armed[-1]["response"] = json.loads(said.replace('"enabled"', '"configured"'))
    made = context(replica="ipaserver", setup_ca=True)
    async with session(made) as opened:
        with pytest.raises(StepError, match="IPA master is configured, CA server is absent"):
            await serving.require_roles(opened, made.job)


async def test_the_recorded_replica_has_its_segment(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "topologysegment_find", "topologysuffix_verify")
    async with session(context()) as opened:
        told = await serving.require_segments(opened, REPLICA, ["domain"])
    assert told == f"{REPLICA} replicates domain with ipaserver.example.com; every server reaches every other."


async def test_a_topology_that_is_not_connected_yet_is_waited_for(
    recorded: Server, context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FreeIPA 4.13 reports the new server as unconnected for seconds to minutes after its installer has ended."""
    monkeypatch.setattr(convergence, "QUIET_SECONDS", 0.0)
    recorded.expect("login_ok", "topologysegment_find", "topologysuffix_verify")
    assert recorded.replay
    early = copy.deepcopy(recorded.replay.armed[-1])
    result = early["response"]["body"]["result"]["result"]
    result |= {"in_order": False, "connect_errors": [[REPLICA, ["x"], ["ipaserver.example.com"]]]}
    recorded.replay.armed[-1] = early
    recorded.expect("topologysegment_find", "topologysuffix_verify")
    made = context()
    async with session(made) as opened:
        told = await convergence.converged(made, lambda: serving.require_segments(opened, REPLICA, ["domain"]))
    assert told.endswith("every server reaches every other.")
    assert "Waiting for replication" in made.text
    assert f"{REPLICA} does not reach ipaserver.example.com" in made.text


async def test_a_server_without_a_segment_is_an_error(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "topologysegment_find")
    async with session(context()) as opened:
        with pytest.raises(StepError, match="replica2.example.com has no segment of the suffix domain"):
            await serving.require_segments(opened, "replica2.example.com", ["domain"])


def test_agreements_are_the_segments_both_ways() -> None:
    segments = [Segment("domain", "x", "a", "b"), Segment("ca", "y", "a", "b"), Segment("domain", "z", "b", "c")]
    first = "5f1a0000000000030000"
    newer, older = {3: Changes(first, "5f1a000a000000030000")}, {3: Changes(first, first)}
    hosts, clock = {3: "a"}, float(0x5F1A000A + 10)
    newest, behind = (Copy(vector, hosts=hosts, clock=clock) for vector in (newer, older))
    seen = {
        "a": health.Seen({"domain": newest, "ca": newest}),
        "b": health.Seen({"domain": behind, "ca": newest}),
        "c": health.Seen({"domain": Copy()}),
    }
    found = {(one.supplier, one.consumer): one for one in health.agreements(segments, {"ca": "torn"}, seen)}
    problems = {pair: one.problem for pair, one in found.items()}
    assert problems == {("a", "b"): "torn", ("b", "a"): "torn", ("b", "c"): "", ("c", "b"): ""}
    assert {pair: one.lag for pair, one in found.items()} == {
        ("a", "b"): 10.0, ("b", "a"): 0.0, ("b", "c"): None, ("c", "b"): None
    }  # fmt: skip


def test_a_server_that_does_not_answer_breaks_its_agreements() -> None:
    segments = [Segment("domain", "x", "a", "b")]
    seen = {"a": health.Seen({"domain": Copy()}), "b": health.Seen({}, "no answer")}
    assert [one.problem for one in health.agreements(segments, {}, seen)] == ["b: no answer", "b: no answer"]


LINE = [Segment("domain", "1", "a", "b"), Segment("domain", "2", "b", "c")]
RING = [*LINE, Segment("domain", "3", "c", "a")]


def test_servers_fall_apart_without_the_one_between_them() -> None:
    assert parts(["a", "b", "c"], LINE) == [{"a", "b", "c"}]
    assert parts(["a", "c"], LINE) == [{"a"}, {"c"}]
    refuse_cut("b", ["a", "b", "c"], RING, "domain")
    refuse_cut("c", ["a", "b", "c"], LINE, "domain")
    with pytest.raises(StepError, match=r"fall apart: a \| c"):
        refuse_cut("b", ["a", "b", "c"], LINE, "domain")


def test_the_last_server_of_a_role_stays() -> None:
    refuse_last({"CA": ["a", "b"], "KRA": []}, "a")
    with pytest.raises(StepError, match="a is the last server of CA"):
        refuse_last({"CA": ["a"]}, "a")


def test_every_action_has_steps_and_checks() -> None:
    actions = set(get_args(Action)) - {"look"}
    assert set(CHECKS) == actions
    assert all((name in HINDRANCES) != (name in ADVICE) for names in CHECKS.values() for name in names)
    for action in actions:
        assert FreeIpaBackend().steps(job(action))


@pytest.mark.parametrize("action", ["remove", "revoke", "records"])
async def test_a_wrong_password_is_tried_once(
    recorded: Server, context: Make, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded.expect("login_wrong_password")
    made = context(action, host_gone_reason="It burnt down.")
    made.password = "wrong"

    async def host(role: str) -> None:
        raise HostUnreachable(f"The {role} did not answer.")

    monkeypatch.setattr(made, "host", host)
    first, *rest = await FreeIpaBackend().preflight(made)
    assert (first.check, first.level) == ("signing-in", "error")
    assert "does not know admin with this password" in first.message
    assert all(one.check == "reachable" for one in rest)


async def test_an_installation_stops_at_the_first_wrong_password(recorded: Server, context: Make) -> None:
    recorded.expect("login_wrong_password")
    made = context()
    made.password = "wrong"
    with pytest.raises(WrongPassword):
        await CheckHosts().run(made)
    assert not made.facts


# The messages are the installers' own.
@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("The host name x does not match the primary host name y", "A and PTR records"),
        ("Failed to configure CA instance", "copy of the authority"),
        ("A replication agreement for this host already exists", "earlier installation"),
        ("The host X already exists on the master server", "earlier installation"),
        ("IPv6 stack has to be enabled in the kernel", "::1"),
        ("Update failed! Status: [-1  - LDAP error: Can't contact LDAP server]", "port 389"),
        ("Insufficient privileges to promote the server", "ipaservers"),
        ("DNS server 192.0.2.1 does not support DNSSEC", "does not do DNSSEC"),
        ("DNS server 192.0.2.1: query '. SOA': The DNS operation timed out", "does not answer"),
        ("The forwarder 192.0.2.1 does not resolve names for x: no answer", "does not answer"),
        ("Certificate issuance failed (CA_UNREACHABLE)", "slow or does not answer"),
        ("Unexpected system mask: 0077", "umask"),
        ("Less than the minimum 1.2GB of RAM is available", "memory"),
        ("Replica Busy! Status: [1]", "one after the other"),
        ("Cannot install replica of a server of higher version (4.12)", "older than the master"),
        ("Timed out trying to obtain keys", "custodia"),
        ("Removal of X disconnects topology", "others need"),
        ("IPA server is already configured on this system.", "a server of a realm"),
        ("IPA client is already configured on this system.", "enrolled in a realm"),
        ("The password provided is incorrect for LDAP server m.example.com: x", "Directory Manager password"),
        ("Directory Manager password is invalid", "Directory Manager password"),
        ("Remote master check failed with following error message(s): an internal error has occurred", "oddjobd"),
        ("Could not SSH to remote host. See /var/log/ipareplica-conncheck.log", "oddjobd"),
        ("Remote master check failed with following error message(s): Inaccessible port(s): 88 (TCP)", "A firewall"),
        ("DNS zone example.com. already exists in DNS and is handled by server(s): ns1.", "delegated to the realm"),
        (
            "Reverse zone 2.0.192.in-addr.arpa. will not be used: DNS zone 2.0.192.in-addr.arpa. already exists in DNS "
            "and is handled by server(s): ns1.",
            "delegated to the realm",
        ),
        ("Reverse zone 2.0.192.in-addr.arpa. will not be used: DNS check failed: no", "no reverse zone"),
        ("DNS reverse zone 2.0.192.in-addr.arpa. for IP address 192.0.2.1 is not managed by this server", "PTR record"),
        (
            "option --ip-address: invalid IP address 240.0.0.1: cannot use IANA reserved IP address 240.0.0.1",
            "its network",
        ),
        ("There is no active KRA server in the domain, can't setup a KRA clone", "KRA that runs"),
        ("Failed to find an active KRA server!", "KRA that runs"),
        ("kinit: KDC has no support for encryption type while getting initial credentials", "crypto policy"),
        ("Server not found: no common enctype, FIPS", "crypto policy"),
        ("FIPS has to be enabled locally first.", "FIPS mode"),
        ("m.example.com is half enrolled", "earlier installation"),
    ],
)
def test_what_installers_say_has_a_meaning(message: str, words: str) -> None:
    found = recognise(message, tables(SYMPTOMS))
    assert found is not None
    assert words in found.meaning


def test_options_that_are_ignored_are_no_symptom() -> None:
    said = "IPA client is already configured on this system, ignoring the --domain and --keytab options."
    assert recognise(said, tables(SYMPTOMS)) is None


async def test_a_hidden_server_needs_no_records(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok")
    renamed(recorded, "server_role_find", ipaserver="replica2")
    assert recorded.replay
    said = json.dumps(recorded.replay.armed[-1]["response"])
    recorded.replay.armed[-1]["response"] = json.loads(said.replace('"enabled"', '"hidden"'))
    recorded.expect(DRY_RUN, CONFIG)
    made = context(hidden_replica=True)
    await VerifySystemRecords(()).run(made)
    assert made.facts[MISSING] == []
    assert FreeIpaBackend().records(made.job) == ()


async def test_a_server_that_should_be_hidden_and_is_not_is_an_error(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_role_find")
    made = context(replica="ipaserver", hidden_replica=True)
    async with session(made) as opened:
        with pytest.raises(StepError, match="IPA master is enabled"):
            await serving.require_roles(opened, made.job)

"""Aliases and delegations in the realm's zones: shown is that the portal understands answers of FreeIPA 4.9.11."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from replicas.backends.freeipa import zones
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.steps.records import ADDED, AddHostRecords
from replicas.errors import DnsError
from replicas.lifecycle.base import Record
from replicas.lifecycle.steps.host_records import host_records
from tests.replicas.backends.freeipa.conftest import Make
from tests.replicas.backends.freeipa.recording import written
from tests.replicas.clients.freeipa.conftest import Server

ADDRESS = "10.77.0.12"
REVERSE = "0.77.10.in-addr.arpa"
KNOWN = ["example.com.", f"{REVERSE}.", f"0/26.{REVERSE}."]


def shows(server: Server, zone: str, name: str, **records: list[str]) -> None:
    """Expect that a name is shown, with these records or none."""
    answer = "dnsrecord_show" if records else "host_del_missing"
    written(server, "dnsrecord_show", "dnsrecord_show", [zone, name], {"all": True}, answer)
    if records:
        assert server.replay
        server.replay.armed[-1] = changed = deepcopy(server.replay.armed[-1])
        result: dict[str, Any] = changed["response"]["body"]["result"]
        result["result"] = {"idnsname": [name], **records}


@pytest.mark.parametrize(
    ("records", "target"),
    [
        ({"cnamerecord": ["ipaserver"]}, "ipaserver.example.com"),
        ({"cnamerecord": ["www.example.net."]}, "www.example.net"),
    ],
)
async def test_a_name_that_is_an_alias_is_refused(
    recorded: Server, context: Make, records: dict[str, list[str]], target: str
) -> None:
    recorded.expect("login_ok", "dnszone_find")
    shows(recorded, "example.com", "replica2", **records)
    made = context(ip_addresses=(ADDRESS,), no_reverse=True)
    with pytest.raises(DnsError, match=rf"replica2\.example\.com is an alias for {target} "):
        await AddHostRecords(host_records(made.job)).run(made)
    assert not made.facts


@pytest.mark.parametrize(
    ("above", "words"),
    [
        (
            {"nsrecord": ["ns.example.net."]},
            r"is in branch\.example\.com, which the realm's DNS delegates to ns\.",
        ),
        ({"dnamerecord": ["office"]}, r"is an alias for replica2\.office\.example\.com "),
    ],
)
async def test_a_name_below_a_delegation_or_an_alias_is_refused(
    recorded: Server, context: Make, above: dict[str, list[str]], words: str
) -> None:
    recorded.expect("login_ok")
    shows(recorded, "example.com", "replica2.branch")
    shows(recorded, "example.com", "branch", **above)
    wanted = [Record("replica2.branch.example.com.", "A", ADDRESS)]
    async with session(context()) as opened:
        with pytest.raises(DnsError, match=words):
            await zones.refuse_others(opened, [zones.place(wanted[0], KNOWN)], wanted, KNOWN)


async def test_a_ptr_record_goes_where_the_alias_leads(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok")
    shows(recorded, REVERSE, "12", cnamerecord=["12.0/26"])
    shows(recorded, f"0/26.{REVERSE}", "12", ptrrecord=["replica2.example.com."])
    wanted = [Record(f"12.{REVERSE}.", "PTR", "replica2.example.com.")]
    async with session(context()) as opened:
        (one,) = await zones.refuse_others(opened, [zones.place(wanted[0], KNOWN)], wanted, KNOWN)
    assert (one.zone, one.name) == (f"0/26.{REVERSE}", "12")
    assert one.record.name == f"12.0/26.{REVERSE}."


async def test_an_alias_that_leads_out_of_the_realm_wants_no_reverse_zone(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok")
    shows(recorded, REVERSE, "12", cnamerecord=["12.0-63.example.net."])
    wanted = [Record(f"12.{REVERSE}.", "PTR", "replica2.example.com.")]
    async with session(context()) as opened:
        with pytest.raises(DnsError, match=r"alias for 12\.0-63\.example\.net\. \(RFC 2317\)") as caught:
            await zones.refuse_others(opened, [zones.place(wanted[0], KNOWN)], wanted, KNOWN)
    assert "No reverse zone" in caught.value.remedy


async def test_a_ptr_record_below_a_dname_record_wants_no_reverse_zone(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok")
    shows(recorded, "77.10.in-addr.arpa", "12.0")
    shows(recorded, "77.10.in-addr.arpa", "0", dnamerecord=["office.example.net."])
    known, wanted = ["77.10.in-addr.arpa."], [Record(f"12.{REVERSE}.", "PTR", "replica2.example.com.")]
    async with session(context()) as opened:
        with pytest.raises(DnsError, match=r"is an alias for 12\.office\.example\.net\. ") as caught:
            await zones.refuse_others(opened, [zones.place(wanted[0], known)], wanted, known)
    assert "No reverse zone" in caught.value.remedy
    assert "Request the replica" not in caught.value.remedy


async def test_a_wildcard_is_no_record_of_the_name(recorded: Server, context: Make) -> None:
    """The realm shows what is stored under the very name."""
    recorded.expect("login_ok", "dnszone_find")
    shows(recorded, "example.com", "replica2")
    shows(recorded, "example.com", "replica2")
    option = {"a_part_ip_address": ADDRESS}
    written(
        recorded,
        "dnsrecord_add_duplicate",
        "dnsrecord_add",
        ["example.com", "replica2"],
        option,
        "dnsrecord_add_a_with_reverse",
    )
    made = context(ip_addresses=(ADDRESS,), no_reverse=True)
    await AddHostRecords(host_records(made.job)).run(made)
    assert made.facts[ADDED]

"""What is worth knowing beforehand, on what FreeIPA 4.9.11 was recorded to say, and on answers written in its form."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from replicas.backends.freeipa import advice, checks, zones
from replicas.backends.freeipa.access import session
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Record
from tests.replicas.backends.freeipa.conftest import Make
from tests.replicas.backends.freeipa.recording import written
from tests.replicas.clients.freeipa.conftest import Server


def answers(server: Server, **changes: Any) -> None:
    """The answer that comes next says something else in its entry (or in the first one of a list)."""
    assert server.replay
    exchange = copy.deepcopy(server.replay.armed[-1])
    entry = exchange["response"]["body"]["result"]["result"]
    (entry[0] if isinstance(entry, list) else entry).update(changes)
    server.replay.armed[-1] = exchange


async def test_servers_that_reach_each_other_are_good(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "topologysuffix_find", "topologysuffix_verify", "topologysegment_find")
    assert await advice.topology(context()) == "The servers of EXAMPLE.COM reach each other (domain)"


async def test_a_server_that_is_being_initialized_is_told(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "topologysuffix_find", "topologysuffix_verify", "topologysegment_find")
    answers(recorded, **{"nsds5beginreplicarefresh;left": ["start"]})
    with pytest.raises(StepError, match="is being initialized now"):
        await advice.topology(context())


@pytest.mark.parametrize("identifier", [["S-1-5-21-1-2-3-500"], []])
async def test_an_account_without_a_sid_is_told(recorded: Server, context: Make, identifier: list[str]) -> None:
    recorded.expect("login_ok")
    written(recorded, "host_show", "user_show", ["admin"], {"all": True}, "host_show")
    answers(recorded, ipantsecurityidentifier=identifier)
    if identifier:
        assert await advice.identifiers(context()) == "admin has a SID"
        return
    with pytest.raises(StepError, match="admin has no SID") as caught:
        await advice.identifiers(context())
    assert "ipa config-mod --enable-sid --add-sids" in caught.value.remedy


async def test_a_record_without_a_zone_is_told_before_anything_is_done(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find")
    with pytest.raises(DnsError, match=r"no reverse zone for 1\.2\.0\.192\.in-addr\.arpa\."):
        await checks.placed(context(ip_addresses=("192.0.2.1",)))


async def test_an_address_of_somebody_else_is_told_before_anything_is_done(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find")
    written(recorded, "dnszone_find", "dnsforwardzone_find", [], {}, "location_find")
    recorded.expect("dnsrecord_show")
    answers(recorded, arecord=["10.77.0.99"])
    with pytest.raises(DnsError, match=r"has another A record: replica2\.example\.com\. 10\.77\.0\.99"):
        await checks.placed(context(ip_addresses=("10.77.0.12",), no_reverse=True))


async def test_a_record_below_a_forward_zone_is_told_before_anything_is_done(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "dnszone_find")
    written(recorded, "dnszone_find", "dnsforwardzone_find", [], {}, "dnszone_find")
    assert recorded.replay
    zone = {"idnsname": [{"__dns_name__": "12.0.77.10.in-addr.arpa."}], "idnszoneactive": ["TRUE"]}
    answer = recorded.replay.armed[-1] = copy.deepcopy(recorded.replay.armed[-1])
    answer["response"]["body"]["result"]["result"] = [zone]
    with pytest.raises(DnsError, match=r"is in 12\.0\.77\.10\.in-addr\.arpa\., which the realm's name servers forward"):
        await checks.placed(context(ip_addresses=("10.77.0.12",)))
    placed = zones.place(Record("replica2.example.com.", "A", "10.77.0.12"), ["example.com."])
    zones.refuse_forwarded([placed], ["com.", "x.com."])
    zone["idnsforwardpolicy"] = ["none"]
    recorded.expect("login_ok")
    recorded.replay.armed.append(answer)
    async with session(context()) as opened:
        assert await zones.forwarded(opened) == []

"""NS records in a realm's own zones; the realm's answers are those of FreeIPA, with other names in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replicas.backends.freeipa import health, name_servers, realm
from replicas.backends.freeipa.realm import Server
from replicas.lifecycle.base import Record
from tests.replicas.backends.freeipa.conftest import RealmContext, job

HOST = "ipareplica.example.com"
ZONES = {"example.com.": ["ipaserver.example.com."], "2.0.192.in-addr.arpa.": ["ipaserver.example.com.", f"{HOST}."]}


class Realm:
    """Its zones and their NS records; `calls` are the changes."""

    def __init__(self, announced: list[str]) -> None:
        self.announced, self.calls = announced, list[tuple[Any, ...]]()

    async def find(self, command: str, *args: str, **options: Any) -> list[dict[str, Any]]:
        assert command == "dnszone_find"
        return [{"idnsname": [zone]} for zone in ZONES] + [{"idnsname": ["off."], "idnszoneactive": ["FALSE"]}]

    async def call(self, command: str, *args: str, **options: Any) -> SimpleNamespace:
        if command == "config_show":
            return SimpleNamespace(value={"dns_server_server": self.announced})
        if command == "dnsrecord_show":
            return SimpleNamespace(value={"nsrecord": ZONES[f"{args[0]}."]})
        self.calls.append((command, *args, options))
        return SimpleNamespace(value={}, changed=True)


async def test_an_announced_name_server_is_expected_in_every_zone() -> None:
    opened: Any = Realm(["ipaserver.example.com", HOST])
    assert await name_servers.expected(opened, HOST) == tuple(Record(zone, "NS", f"{HOST}.") for zone in ZONES)
    assert await name_servers.expected(opened, "other.example.com") == ()


async def test_what_is_missing_is_added_with_the_final_dot() -> None:
    opened: Any = Realm([HOST])
    made: Any = RealmContext(job(), "")
    await name_servers.add(made, opened, HOST)
    assert opened.calls == [("dnsrecord_add", "example.com", "@", {"ns_part_hostname": f"{HOST}."})]
    assert made.text == f"Added example.com. 3600 IN NS {HOST}."


@pytest.mark.parametrize(("written", "calls"), [(f"{HOST}.", 0), (HOST, 1), ("ipareplica", 0), ("elsewhere.", 1)])
async def test_a_name_without_the_final_dot_is_relative_to_its_zone(
    written: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ZONES, "example.com.", [written])
    opened: Any = Realm([HOST])
    made: Any = RealmContext(job(), "")
    await name_servers.add(made, opened, HOST)
    assert len(opened.calls) == calls


async def test_a_health_check_expects_them_of_announced_name_servers_only() -> None:
    servers = [
        Server("ipaserver.example.com", ("IPA master",), ("domain",)),
        Server(HOST, ("IPA master", realm.ROLES["dns_server_server"], "DNS server"), ("domain",)),
    ]
    opened: Any = Realm([HOST])
    found = await health._name_servers(opened, servers, [])
    assert found == tuple((HOST, Record(zone, "NS", f"{HOST}.")) for zone in ZONES)
    assert await health._name_servers(opened, servers, [HOST]) == (), "it is hidden"

"""What a look makes of the realm's servers; the master's name resolution is a table here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replicas.backends.freeipa import health
from replicas.backends.freeipa.backend import FreeIpaBackend
from replicas.backends.freeipa.health import NAME_SERVER, Seen, leading, name_servers
from replicas.backends.freeipa.realm import Server
from replicas.lifecycle import certificates
from replicas.lifecycle.base import CertificateHealth, Record
from tests.replicas.backends.freeipa.conftest import Make, RealmContext, job
from tests.replicas.clients.freeipa.conftest import Server as Recorded

RESOLVED = {"dns1.example.com": "192.0.2.21", "dns2.example.com": "192.0.2.22"}


class Resolving(RealmContext):
    async def host(self, role: str) -> Any:
        assert role == "master"

        async def run(*argv: str, check: bool) -> SimpleNamespace:
            known = RESOLVED.get(argv[-1])
            return SimpleNamespace(text=f"{known} STREAM {argv[-1]}\n{known} DGRAM\n" if known else "")

        return SimpleNamespace(name="ipaserver.example.com", run=run)


def server(name: str, *roles: str) -> Server:
    return Server(f"{name}.example.com", ("IPA master", *roles), ("domain",))


@pytest.mark.parametrize(
    ("servers", "addresses"),
    [
        ([server("ipaserver"), server("dns1", NAME_SERVER)], ("192.0.2.21",)),
        (
            [server("dns2", NAME_SERVER), server("gone", NAME_SERVER), server("ipaserver", NAME_SERVER)],
            ("127.0.0.1", "192.0.2.22"),
        ),
        ([server("ipaserver"), server("dns1")], ()),
    ],
)
async def test_servers_with_the_role_are_asked_about_records(servers: list[Server], addresses: tuple[str, ...]) -> None:
    assert await name_servers(Resolving(job(), ""), servers) == addresses


async def test_a_look_expects_what_the_realm_itself_does(
    recorded: Recorded, context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weight that somebody gave a server is no difference, and a server that is not announced lacks nothing."""
    recorded.expect("login_ok", "server_find", "config_show", "topologysuffix_find", "topologysegment_find")
    recorded.expect("topologysuffix_verify", "dns_update_system_records_dry_run")
    assert recorded.replay
    answer = recorded.replay.armed[-1]["response"]["body"]["result"]["result"]
    lines = [line.replace("SRV 0 100", "SRV 0 500") for line in answer["ipa_records"] if "ipaserver" not in line]
    body = {"result": {"result": {"ipa_records": lines, "location_records": []}}, "error": None, "id": 0}
    recorded.replay.armed[-1]["response"] = recorded.replay.armed[-1]["response"] | {"body": body}

    async def ask(ctx: object, server: Server) -> Seen:
        return Seen({})

    monkeypatch.setattr(health, "_ask", ask)
    monkeypatch.setattr(certificates, "authority", lambda realm: CertificateHealth("it", 9))
    made = context()
    found = await health.look(made)
    assert {host for host, _ in found.records} == {"ipareplica.example.com"}
    ldap = [record.value for _, record in found.records if record.name == "_ldap._tcp.example.com."]
    assert ldap == ["0 500 389 ipareplica.example.com."]
    # What the portal knows by itself does not contradict it.
    assert {one.type for one in FreeIpaBackend().records(job(ip_addresses=("10.77.0.12",)))} == {"A", "PTR"}


def test_where_a_name_server_has_a_location_its_records_count() -> None:
    plain = Record("_ldap._tcp.example.com.", "SRV", "0 100 389 dns1.example.com.")
    local = Record("_ldap._tcp.hall._locations.example.com.", "SRV", "50 100 389 dns1.example.com.")
    servers = [server("dns1", NAME_SERVER)]
    assert list(leading(servers, [plain, local])) == [("dns1.example.com", plain), ("dns1.example.com", local)]
    placed = [Server("dns1.example.com", ("IPA master", NAME_SERVER), ("domain",), "hall")]
    assert list(leading(placed, [plain, local])) == [("dns1.example.com", local)]

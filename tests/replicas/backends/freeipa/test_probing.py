"""Registering reads what FreeIPA 4.9.11 was recorded to say: shows that the portal understands it, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from replicas.backends.freeipa import probing, realm
from replicas.errors import StepError
from tests.replicas.clients.freeipa.conftest import Server
from tests.replicas.clients.freeipa.replay import EXCHANGES

READ = [
    *("login_ok", "env", "domainlevel_get", "ca_is_enabled", "kra_is_enabled", "dns_is_enabled", "config_show"),
    *("topologysuffix_find", "topologysegment_find", "location_find", "server_find"),
]


def change(server: Server, number: int, **result: Any) -> None:
    """Make the armed answer say something else."""
    assert server.replay
    said = server.replay.armed[number]["response"]
    told = said["body"]["result"]["result"]
    new = told | result if isinstance(told, dict) else result["value"]
    body = said["body"] | {"result": said["body"]["result"] | {"result": new}}
    server.replay.armed[number]["response"] = said | {"body": body}


async def test_portal_reads_from_the_recorded_server_what_it_is_and_offers(recorded: Server) -> None:
    recorded.expect(*READ)
    async with recorded.session() as session:
        found = await probing.read(session, "PEM")
    assert (found.realm, found.domain, found.suffix) == ("EXAMPLE.COM", "example.com", "dc=example,dc=com")
    assert (found.dns, found.ca, found.versions["FreeIPA"]) == (True, False, "4.9.11")
    assert found.offers["domain_level"] == 1
    assert found.offers["realm_has_ca"] is False
    assert found.offers["segments"] == [["domain", "ipareplica.example.com", "ipaserver.example.com"]]
    assert found.offers["servers"] == [
        {"name": f"{name}.example.com", "roles": ["IPA master"], "location": ""} for name in ("ipareplica", "ipaserver")
    ]


async def test_an_older_release_is_refused_with_what_to_do(recorded: Server) -> None:
    recorded.expect("login_ok", "env")
    change(recorded, 1, version="4.6.8")
    async with recorded.session() as session:
        with pytest.raises(StepError, match=r"runs FreeIPA 4\.6\.8") as caught:
            await probing.read(session, "PEM")
    assert "newer release" in caught.value.remedy


async def test_domain_level_0_is_refused_with_what_to_do(recorded: Server) -> None:
    recorded.expect("login_ok", "env", "domainlevel_get")
    change(recorded, 2, value=0)
    async with recorded.session() as session:
        with pytest.raises(StepError, match="domain level of EXAMPLE.COM is 0") as caught:
            await probing.read(session, "PEM")
    assert "domainlevel-set 1" in caught.value.remedy


async def test_another_server_than_the_one_that_was_named_is_refused(recorded: Server) -> None:
    recorded.expect("login_ok", "env")
    change(recorded, 1, host="other.example.com")
    async with recorded.session() as session:
        with pytest.raises(StepError, match=r"calls itself other\.example\.com, not ipaserver\.example\.com"):
            await probing.read(session, "PEM")


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("4.9.11", (4, 9)), ("4.10.0", (4, 10)), ("4.12.0dev202601", (4, 12)), ("4.9-1.el9", (4, 9)), ("5.0", (5, 0))],
)
def test_releases_compare_as_numbers(version: str, numbers: tuple[int, int]) -> None:
    assert realm.release(version) == numbers


def test_what_is_no_version_is_an_error() -> None:
    with pytest.raises(StepError, match="'unknown' is not a version"):
        realm.release("unknown")


def test_roles_suffixes_and_location_of_a_server_are_read() -> None:
    [entry, *_] = EXCHANGES["server_find"]["response"]["body"]["result"]["result"]
    found = realm.server(entry | {"ipalocation_location": ["berlin"]})
    assert found == realm.Server("ipareplica.example.com", ("IPA master",), ("domain",), "berlin")
    assert found.serves
    assert not realm.server({"cn": ["HALF.example.com"]}).serves


def test_an_authoritys_file_is_read_for_its_certificates_alone(recorded_ca: str) -> None:
    text = f"# Zertifizierungsstelle für alle\n{recorded_ca}\n# another\n{recorded_ca}"
    assert probing.certificates_in(text.encode(), "x") == recorded_ca


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(StepError, match="holds no certificate that can be read"):
        probing.certificates_in(content, "x")

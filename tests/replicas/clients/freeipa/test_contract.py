"""The portal understands what FreeIPA 4.9.11 said; with a live server configured, also that it is understood there."""

from __future__ import annotations

import pytest

from replicas.clients.freeipa import errors
from replicas.errors import WrongPassword
from tests.replicas.clients.freeipa.conftest import Server

LOGIN = "login_ok"


async def test_portal_understands_how_freeipa_refuses_a_wrong_password(server: Server) -> None:
    server.expect("login_wrong_password")
    with pytest.raises(WrongPassword, match="does not know admin with this password"):
        async with server.session("wrong"):
            pass


async def test_portal_understands_what_freeipa_tells_of_its_realm(server: Server) -> None:
    facts = ["version", "fips_mode", "realm", "domain", "host", "basedn", "api_version"]
    names = "env domainlevel_get config_show ca_is_enabled kra_is_enabled dns_is_enabled server_find server_show"
    server.expect(LOGIN, "ping", *names.split(), "server_role_find")
    async with server.session() as session:
        assert (await session.call("ping")).value is None
        env = (await session.call("env", *facts, server=True)).value
        assert (env["host"], env["domain"], env["realm"]) == (server.name, server.domain, server.domain.upper())
        assert (await session.call("domainlevel_get")).value == 1
        assert server.name in (await session.call("config_show", all=True)).value["ipa_master_server"]
        has = [(await session.call(f"{service}_is_enabled")).value for service in ("ca", "kra", "dns")]
        assert all(isinstance(one, bool) for one in has)
        assert server.name in [one["cn"][0] for one in await session.find("server_find", all=True)]
        shown = await session.call("server_show", server.name, all=True)
        assert "domain" in shown.value["iparepltopomanagedsuffix_topologysuffix"]
        roles = await session.find("server_role_find", server_server=server.name, include_master=True)
    assert {"role_servrole": "IPA master", "server_server": server.name, "status": "enabled"} in roles


async def test_portal_understands_freeipas_topology_and_locations(server: Server) -> None:
    server.expect(LOGIN, "topologysuffix_find", "topologysegment_find", "topologysuffix_verify", "location_find")
    async with server.session() as session:
        assert "domain" in [one["cn"][0] for one in await session.find("topologysuffix_find")]
        for segment in await session.find("topologysegment_find", "domain", all=True):
            assert segment["iparepltoposegmentleftnode"] != segment["iparepltoposegmentrightnode"]
        assert (await session.call("topologysuffix_verify", "domain")).value["in_order"]
        assert isinstance(await session.find("location_find"), list)


async def test_portal_understands_freeipas_zones_and_expected_records(server: Server) -> None:
    server.expect(LOGIN, "dnszone_find", "dnszone_find_by_ip", "dns_update_system_records_dry_run")
    async with server.session() as session:
        zones = [one["idnsname"] for one in await session.find("dnszone_find")]
        assert [f"{server.domain}."] in zones
        [reverse] = await session.find("dnszone_find", name_from_ip=server.spare)
        assert reverse["idnsname"][0].endswith(".in-addr.arpa.")
        records = (await session.call("dns_update_system_records", dry_run=True)).value["ipa_records"]
    assert f"_ldap._tcp.{server.domain}. 3600 IN SRV 0 100 389 {server.name}." in records


async def test_portal_understands_the_life_of_a_host_in_freeipa(server: Server) -> None:
    server.expect(LOGIN, "host_add_unresolvable", "dnsrecord_add_a_with_reverse", "dnsrecord_add_duplicate")
    server.expect("host_add_random", "host_add_duplicate", "host_mod_random")
    server.expect("hostgroup_add_member", "hostgroup_add_member_again", "hostgroup_remove_member")
    server.expect("dnsrecord_del", "host_del", "host_del_missing")
    host, domain = server.newcomer, server.domain
    async with server.session() as session:
        with pytest.raises(errors.Unresolvable, match="does not have corresponding DNS A/AAAA record"):
            await session.call("host_add", host, random=True)
        address = {"a_part_ip_address": server.spare}
        added = await session.call("dnsrecord_add", domain, "replica2", **address, a_extra_create_reverse=True)
        assert added.changed
        assert added.value["idnsname"] == ["replica2"]
        assert not (await session.call("dnsrecord_add", domain, "replica2", **address)).changed
        first = await session.call("host_add", host, random=True, force=True)
        with pytest.raises(errors.Duplicate):
            await session.call("host_add", host, random=True, force=True)
        second = await session.call("host_mod", host, random=True)
        assert first.value["randompassword"] != second.value["randompassword"]
        assert second.value["randompassword"] not in repr(second)
        assert await session.members("hostgroup_add_member", "ipaservers", host=[host])
        assert not await session.members("hostgroup_add_member", "ipaservers", host=[host])
        assert await session.members("hostgroup_remove_member", "ipaservers", host=[host])
        assert not (await session.call("dnsrecord_del", domain, "replica2", del_all=True)).failures
        gone = await session.call("host_del", host, updatedns=True)
        assert "could not be removed" in gone.warnings[0]
        with pytest.raises(errors.NotFound):
            await session.call("host_del", host)


@pytest.mark.parametrize(
    ("exchange", "error", "code", "command", "args", "options"),
    [
        ("server_show_missing", errors.NotFound, 4001, "server_show", ["nowhere"], {}),
        ("server_del_missing", errors.NotFound, 4001, "server_del", ["nowhere"], {}),
        ("unknown_command", errors.UnknownCommand, 905, "no_such_command", [], {}),
        ("host_add_bad_name", errors.Invalid, 3009, "host_add", ["Bad_Name"], {"force": True}),
    ],
)
async def test_portal_understands_what_freeipa_refuses(
    server: Server,
    exchange: str,
    error: type[errors.FreeIpaError],
    code: int,
    command: str,
    args: list[str],
    options: dict[str, bool],
) -> None:
    server.expect(LOGIN, exchange)
    async with server.session() as session:
        with pytest.raises(error) as caught:
            await session.call(command, *(f"{name}.{server.domain}" for name in args), **options)
    assert caught.value.code == code

"""From whom authorities are copied: the configuration that 4.9.11 was recorded to tell, with roles that it had not."""

from __future__ import annotations

import copy

import pytest

from replicas.backends.freeipa import realm
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.checks import authority
from replicas.errors import StepError
from tests.replicas.backends.freeipa.conftest import Make
from tests.replicas.clients.freeipa.conftest import Server

MASTER, OTHER = "ipaserver.example.com", "ipareplica.example.com"


def configured(recorded: Server, **roles: list[str]) -> None:
    recorded.expect("login_ok", "config_show")
    assert recorded.replay
    recorded.replay.armed[-1] = copy.deepcopy(recorded.replay.armed[-1])
    recorded.replay.armed[-1]["response"]["body"]["result"]["result"] |= roles


async def test_who_has_them_gives_copies_announced_or_hidden(recorded: Server, context: Make) -> None:
    configured(recorded, ca_server_server=[OTHER, MASTER], kra_server_hidden_server=[MASTER])
    assert await authority(context(setup_ca=True, setup_kra=True)) == f"{MASTER} has a CA and a KRA"


@pytest.mark.parametrize(
    ("roles", "lacks"),
    [
        ({"ca_server_server": [OTHER]}, rf"{MASTER} has no CA; {OTHER} has one"),
        ({"ca_server_server": [MASTER], "kra_server_server": [OTHER]}, rf"{MASTER} has no KRA; {OTHER} has one"),
        ({"ca_server_server": [MASTER]}, f"{MASTER} has no KRA; no server has one"),
    ],
)
async def test_the_installer_is_not_left_to_choose_another_master(
    recorded: Server, context: Make, roles: dict[str, list[str]], lacks: str
) -> None:
    configured(recorded, **roles)
    with pytest.raises(StepError, match=lacks):
        await authority(context(setup_ca=True, setup_kra=True))


async def test_hidden_servers_are_not_among_the_announced(recorded: Server, context: Make) -> None:
    configured(recorded, dns_server_server=[MASTER], dns_server_hidden_server=[OTHER])
    recorded.expect("config_show")
    assert recorded.replay
    recorded.replay.armed[-1] = recorded.replay.armed[-2]
    async with session(context()) as opened:
        assert (await realm.role_holders(opened))["DNS"] == [MASTER]
        assert (await realm.providers(opened))["DNS"] == [OTHER, MASTER]

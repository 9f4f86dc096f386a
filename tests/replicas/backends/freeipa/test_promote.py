"""What counts as installed and as removed, on what FreeIPA 4.9.11 was recorded to say."""

from __future__ import annotations

import json

import pytest

from replicas.backends.freeipa import outcome
from replicas.backends.freeipa.steps.promote import PromoteReplica, refused, serves
from replicas.clients.freeipa.errors import RemovalRefused
from tests.replicas.backends.freeipa.conftest import Make, job
from tests.replicas.backends.freeipa.recording import renamed, written
from tests.replicas.clients.freeipa.conftest import Server

MASTER = "ipaserver.example.com"


async def test_a_server_with_its_role_enabled_serves(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_show")
    assert await serves(context(replica="ipaserver"))


async def test_a_server_without_its_role_is_only_being_installed(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_show")
    assert recorded.replay
    said = json.dumps(recorded.replay.armed[-1]["response"])
    recorded.replay.armed[-1]["response"] = json.loads(said.replace('["IPA master"]', "[]"))
    made = context(replica="ipaserver")
    assert not await serves(made)
    assert "does not serve EXAMPLE.COM" in outcome.nothing_made("x", made.job.replica.hostname, "EXAMPLE.COM").message


async def test_a_server_that_is_gone_is_no_error_to_undo(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok")
    written(recorded, "server_show", "server_show", [MASTER], {"all": True}, "server_show_missing")
    made = context("undo", replica="ipaserver", host_gone_reason="It burnt down.")
    await PromoteReplica(made.job).undo_realm(made)
    assert "has no server ipaserver.example.com" in made.text


async def test_a_server_that_the_realm_knows_is_removed(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_show")
    renamed(recorded, "server_del_missing<-host_del", nowhere="ipaserver")
    made = context("undo", replica="ipaserver", host_gone_reason="It burnt down.")
    await PromoteReplica(made.job).undo_realm(made)
    assert "Removed the server ipaserver.example.com" in made.text


async def test_a_removal_that_the_realm_refuses_says_what_to_do(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_show")
    renamed(recorded, "server_del_missing", nowhere="ipaserver")
    assert recorded.replay
    said = recorded.replay.armed[-1]["response"]
    error = said["body"]["error"] | {"code": 4033, "message": "Removal of X disconnects topology in suffix 'domain'"}
    recorded.replay.armed[-1]["response"] = said | {"body": said["body"] | {"error": error}}
    made = context("undo", replica="ipaserver", host_gone_reason="It burnt down.")
    with pytest.raises(RemovalRefused) as caught:
        await PromoteReplica(made.job).undo_realm(made)
    assert "add a segment between them" in caught.value.remedy


def test_the_last_server_of_a_role_has_another_remedy() -> None:
    assert "set that role up on another server" in refused("Deleting this server is not allowed: last CA.", MASTER)


def test_the_plan_shows_the_installers_command_and_no_secret() -> None:
    wanted = job(setup_ca=True, setup_dns=True, no_forwarders=True)
    shown = [str(touch) for touch in PromoteReplica(wanted).touches(wanted)]
    command = "ipa-replica-install --unattended --skip-conncheck --setup-ca --setup-dns --no-forwarders --no-reverse"
    assert f"replica2.example.com: {command}" in shown
    assert any("o=ipaca" in line for line in shown)
    assert not any("password" in line.lower() for line in shown)

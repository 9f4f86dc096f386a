"""What counts as installed and as removed, on what FreeIPA 4.9.11 was recorded to say."""

from __future__ import annotations

import copy
import json

import pytest

from replicas.backends.freeipa import outcome, removing
from replicas.backends.freeipa.removing import refused
from replicas.backends.freeipa.steps.promote import PromoteReplica, serves
from replicas.clients.freeipa.errors import DatabaseRefused, RemovalRefused
from tests.replicas.backends.freeipa.conftest import Make, RealmContext, job
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


def segments(recorded: Server, *, left: bool = False) -> None:
    """Whether the realm still has the segment that joins the two servers."""
    recorded.expect("topologysuffix_find")
    if left:
        recorded.expect("topologysegment_find")
    else:
        nothing = "location_find"
        written(recorded, "topologysegment_find", "topologysegment_find", ["domain"], {"all": True}, nothing)


def refusing(recorded: Server) -> None:
    renamed(recorded, "server_del_missing", nowhere="ipaserver")
    assert recorded.replay
    said = recorded.replay.armed[-1]["response"]
    error = said["body"]["error"] | {"code": 4033, "message": "Removal of X disconnects topology in suffix 'domain'"}
    recorded.replay.armed[-1]["response"] = said | {"body": said["body"] | {"error": error}}


def of_undo(context: Make) -> RealmContext:
    return context("undo", replica="ipaserver", host_gone_reason="It burnt down.")


async def test_a_server_that_is_gone_is_no_error_to_undo(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok")
    written(recorded, "server_show", "server_show", [MASTER], {"all": True}, "server_show_missing")
    segments(recorded)
    made = of_undo(context)
    await PromoteReplica(made.job).undo_realm(made)
    assert "has no server ipaserver.example.com" in made.text


async def test_a_server_that_the_realm_knows_is_removed(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_show")
    renamed(recorded, "server_del_missing<-host_del", nowhere="ipaserver")
    segments(recorded)
    made = of_undo(context)
    await PromoteReplica(made.job).undo_realm(made)
    assert "Removed the server ipaserver.example.com" in made.text


async def test_what_a_removal_did_not_clean_up_is_a_warning(recorded: Server, context: Make) -> None:
    """Answered with the recorded warning of `host_del`, as none of `server_del` is recorded."""
    recorded.expect("login_ok", "server_show")
    renamed(recorded, "server_del_missing<-host_del", nowhere="ipaserver")
    segments(recorded)
    made = of_undo(context)
    await PromoteReplica(made.job).undo_realm(made)
    [warning] = [text for level, text in made.lines if level == "warning"]
    assert warning.startswith("DNS record(s) of host replica2.example.com could not be removed.")


async def test_segments_that_stay_behind_are_removed(
    recorded: Server, context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "SEGMENTS_SECONDS", 0)
    recorded.expect("login_ok", "server_show")
    renamed(recorded, "server_del_missing<-host_del", nowhere="ipaserver")
    segments(recorded, left=True)
    name = "ipareplica.example.com-to-ipaserver.example.com"
    written(recorded, "topologysegment_find", "topologysegment_del", ["domain", name], {}, "host_del")
    made = of_undo(context)
    await PromoteReplica(made.job).undo_realm(made)
    assert f"Removed the domain segment {name}" in made.text


@pytest.mark.parametrize(("disconnecting", "remedy"), [(True, "ipa topologysuffix-verify domain"), (False, "")])
async def test_a_segment_that_the_recorded_server_refuses_to_remove_says_what_to_do(
    recorded: Server, context: Make, monkeypatch: pytest.MonkeyPatch, disconnecting: bool, remedy: str
) -> None:
    """Another reason of the directory, which is not recorded, has no such remedy."""
    monkeypatch.setattr(removing, "SEGMENTS_SECONDS", 0)
    recorded.expect("login_ok", "server_show")
    renamed(recorded, "server_del_missing<-host_del", nowhere="ipaserver")
    segments(recorded, left=True)
    recorded.expect("topologysegment_del_refused")
    assert recorded.replay
    if not disconnecting:
        said = json.dumps(recorded.replay.armed[-1]["response"])
        recorded.replay.armed[-1]["response"] = json.loads(said.replace("disconnects topology", "does not suit"))
    made = of_undo(context)
    with pytest.raises(DatabaseRefused, match="Removal of Segment") as caught:
        await PromoteReplica(made.job).undo_realm(made)
    assert caught.value.code == 4203
    assert remedy in caught.value.remedy
    assert bool(caught.value.remedy) is disconnecting


async def test_a_removal_that_would_part_others_says_what_to_do(recorded: Server, context: Make) -> None:
    recorded.expect("login_ok", "server_show")
    refusing(recorded)
    recorded.expect("topologysuffix_find", "topologysegment_find", "server_find")
    assert recorded.replay
    found = copy.deepcopy(recorded.replay.armed[-1])
    entries = found["response"]["body"]["result"]["result"]
    entries.append(entries[0] | {"cn": ["third.example.com"]})
    recorded.replay.armed[-1] = found
    made = of_undo(context)
    with pytest.raises(RemovalRefused) as caught:
        await PromoteReplica(made.job).undo_realm(made)
    assert "add a segment between them" in caught.value.remedy


async def test_a_server_that_is_itself_what_parts_the_topology_is_removed(recorded: Server, context: Make) -> None:
    """Half installed, it has no segment yet, for which the realm refuses to remove it."""
    recorded.expect("login_ok", "server_show")
    refusing(recorded)
    recorded.expect("topologysuffix_find", "topologysegment_find", "server_find")
    renamed(recorded, "server_del_missing<-host_del", nowhere="ipaserver")
    assert recorded.replay
    call = recorded.replay.armed[-1]
    args, options = call["request"]["body"]["params"]
    body = call["request"]["body"] | {"params": [args, options | {"ignore_topology_disconnect": True}]}
    recorded.replay.armed[-1] = call | {"request": call["request"] | {"body": body}}
    segments(recorded)
    made = of_undo(context)
    await PromoteReplica(made.job).undo_realm(made)
    assert "Removed the server ipaserver.example.com" in made.text


def test_refusals_have_remedies_of_their_own() -> None:
    assert "--disable-dnssec-master" in refused("Replica is active DNSSEC key master. Uninstall could break", MASTER)


def test_the_last_server_of_a_role_has_another_remedy() -> None:
    assert "set that role up on another server" in refused("Deleting this server is not allowed: last CA.", MASTER)


def test_the_plan_shows_the_installers_command_and_no_secret() -> None:
    wanted = job(setup_ca=True, setup_dns=True, no_forwarders=True)
    shown = [str(touch) for touch in PromoteReplica(wanted).touches(wanted)]
    command = "ipa-replica-install --unattended --skip-conncheck --setup-ca --setup-dns --no-forwarders --no-reverse"
    assert f"replica2.example.com: {command}" in shown
    assert any("o=ipaca" in line for line in shown)
    assert not any("password" in line.lower() for line in shown)

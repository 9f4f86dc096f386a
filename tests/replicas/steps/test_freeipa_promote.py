"""Promoting on a real host, where a small program prints what FreeIPA 4.9.11's installer was recorded to print.

The realm's side is the recorded server; so this shows how the portal follows and judges, and no more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from replicas.backends.freeipa import access
from replicas.backends.freeipa.checks import SERVER_STATE
from replicas.backends.freeipa.steps.promote import PROGRAM, PromoteReplica
from replicas.clients import detached, ssh
from replicas.errors import StepError
from replicas.lifecycle.steps import convergence
from tests.replicas.backends.freeipa.recording import renamed, written
from tests.replicas.clients.freeipa.conftest import Server, folder, recorded, recorded_ca
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
__all__ = ["folder", "recorded", "recorded_ca"]

PATH, OUTPUT, ARGUMENTS = f"/usr/sbin/{PROGRAM}", "/root/output", "/root/arguments"
LOG = "/var/log/ipareplica-install.log"
SAID = (Path(__file__).parents[1] / "backends/freeipa/recorded/freeipa-4.9.11-replica-install.log").read_bytes()
REPLICA = "ipareplica.example.com"


SLOWLY = """\
import re, sys, time
for piece in re.split("(?=[\\r\\n])", open(sys.argv[1], newline="").read()):
    sys.stdout.write(piece)
    sys.stdout.flush()
    time.sleep(0.3 if piece.startswith("\\r") else 0.005)
"""


@pytest.fixture
async def host(replica: ssh.Host) -> AsyncIterator[ssh.Host]:
    """With the program, its output and its log; without them afterwards."""
    await replica.write(OUTPUT, SAID)
    await replica.write(LOG, "2026-11-23T02:00:00Z DEBUG the reason in full\n")
    await says(replica, 0)
    yield replica
    await replica.remove(PATH, OUTPUT, LOG, ARGUMENTS, SERVER_STATE)
    await replica.run("rmdir", "-p", "/var/lib/ipa/sysrestore", "/run/replica-portal", check=False)


async def says(host: ssh.Host, status: int) -> None:
    """Slowly enough that somebody who follows it gets it in pieces."""
    slowly = f'while IFS= read -r line; do printf "%s\\n" "$line"; sleep 0.01; done <{OUTPUT}'
    await host.write(PATH, f'#!/bin/sh\necho "$@" >{ARGUMENTS}\n{slowly}\nexit {status}\n', 0o755)


@pytest.fixture
def made(
    context: Callable[..., KeptContext], recorded: Server, lab: object, monkeypatch: pytest.MonkeyPatch
) -> KeptContext:
    """The replica is the lab's, its master the recorded server, which knows that replica."""
    monkeypatch.setattr(access, "HTTPS", recorded.port)
    made = context({"backend": "freeipa", "ca_certificate": recorded.ca})
    master = replace(made.job.master, hostname=recorded.name, address="127.0.0.1")
    made.job = replace(made.job, master=master)
    monkeypatch.setattr(made, "secret", lambda name: recorded.password)
    assert made.job.replica.hostname == REPLICA
    return made


def ready(recorded: Server) -> None:
    recorded.expect("login_ok")
    renamed(recorded, "hostgroup_add_member_again", replica2="ipareplica")


async def test_the_recorded_output_becomes_progress(made: KeptContext, recorded: Server, host: ssh.Host) -> None:
    ready(recorded)
    recorded.expect("login_ok")
    renamed(recorded, "server_show", ipaserver="ipareplica")
    await PromoteReplica(made.job).run(made)
    directory = [number for number, total, _ in made.steps if total == 39]
    assert len(directory) > 5
    assert directory == sorted(directory)
    assert made.steps[-1] == (7, 7, "steps, SID generation")
    assert "[26/39]: setting up initial replication" in made.text
    assert made.text.endswith(f"{REPLICA} is a server of EXAMPLE.COM")
    assert (await host.read(ARGUMENTS)).split() == [b"--unattended", b"--skip-conncheck"]


async def test_initialization_is_progress_while_it_lasts(
    made: KeptContext, recorded: Server, host: ssh.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorded line of seconds, with a pause before each carriage return: shown before the line has its end."""
    ready(recorded)
    recorded.expect("login_ok")
    renamed(recorded, "server_show", ipaserver="ipareplica")
    await host.write("/root/slowly.py", SLOWLY)
    await host.write(PATH, f"#!/bin/sh\nexec python3 /root/slowly.py {OUTPUT}\n", 0o755)
    logged = dict[str, str]()

    def progress(done: int, total: int, unit: str = "") -> None:
        logged.setdefault(unit, made.text)

    monkeypatch.setattr(made, "progress", progress)
    await PromoteReplica(made.job).run(made)
    at = "steps, directory server (dirsrv): setting up initial replication"
    for second in (1, 2):
        before = logged[f"{at}, {second} s of initialization"]
        assert before.rstrip().endswith("please wait until this has completed.")
    assert made.text.count("2 seconds elapsed") == 1
    await host.remove("/root/slowly.py")


def not_yet(recorded: Server) -> None:
    recorded.expect("login_ok")
    renamed(recorded, "server_show", ipaserver="ipareplica")
    assert recorded.replay
    said = json.dumps(recorded.replay.armed[-1]["response"])
    recorded.replay.armed[-1]["response"] = json.loads(said.replace('["IPA master"]', "[]"))


async def test_what_the_master_learns_a_moment_later_counts(
    made: KeptContext, recorded: Server, host: ssh.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convergence, "FIRST_PAUSE", 0.01)
    ready(recorded)
    not_yet(recorded)
    recorded.expect("login_ok")
    renamed(recorded, "server_show", ipaserver="ipareplica")
    await PromoteReplica(made.job).run(made)
    assert made.text.endswith(f"{REPLICA} is a server of EXAMPLE.COM")


@pytest.mark.parametrize(
    ("program", "state", "done"),
    [("sleep 600", "running", False), ("true", "exited", True), ("false", "failed", False)],
)
async def test_who_takes_over_hears_the_installer_to_its_end(
    made: KeptContext, recorded: Server, host: ssh.Host, program: str, state: str, done: bool
) -> None:
    """The realm knows of the server before the installer's last words; one that failed there is not passed over."""
    unit = "replica-portal-0123456789ab-replica-promote"
    description = "one line\nand another"  # as old releases take it from the command's words
    argv = ["systemd-run", "--quiet", "--remain-after-exit", f"--unit={unit}", f"--description={description}"]
    await host.run(*argv, *program.split())
    try:
        async with asyncio.timeout(20):
            while (await host.run("systemctl", "show", "--property=SubState", "--value", unit)).text.strip() != state:
                await asyncio.sleep(0.05)
        recorded.expect("login_ok")
        renamed(recorded, "server_show", ipaserver="ipareplica")
        assert await PromoteReplica(made.job).done(made) is done
    finally:
        await detached.clean(host, unit)


async def test_a_good_status_without_a_server_is_a_failure(
    made: KeptContext, recorded: Server, host: ssh.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convergence, "REPLICATED_SECONDS", 0)
    ready(recorded)
    not_yet(recorded)
    with pytest.raises(StepError, match=r"ended with status 0, but ipareplica\.example\.com does not serve"):
        await PromoteReplica(made.job).run(made)
    assert "the reason in full" in made.text


@pytest.mark.parametrize(("status", "why"), [(1, "failed on the way"), (3, "refused before"), (4, "lacks the CA")])
async def test_a_bad_status_brings_the_logs(
    made: KeptContext, recorded: Server, host: ssh.Host, status: int, why: str
) -> None:
    ready(recorded)
    await host.write(OUTPUT, SAID[: SAID.index(b"Update succeeded")] + b"  [error] RuntimeError: no\n")
    await says(host, status)
    with pytest.raises(StepError, match=f"status {status}: .*{why}.*RuntimeError: no"):
        await PromoteReplica(made.job).run(made)
    assert "the reason in full" in made.text


async def test_a_half_installed_host_is_not_installed_again(made: KeptContext, host: ssh.Host) -> None:
    await host.run("mkdir", "-p", SERVER_STATE.rpartition("/")[0])
    await host.write(SERVER_STATE, "")
    with pytest.raises(StepError, match="is half installed") as caught:
        await PromoteReplica(made.job).run(made)
    assert "the retry removes what is half installed and installs it again" in caught.value.remedy
    assert not await host.exists(ARGUMENTS)


async def test_what_the_uninstaller_leaves_is_an_error_and_what_is_not_there_is_none(
    made: KeptContext, host: ssh.Host
) -> None:
    await PromoteReplica(made.job).undo_host(made)
    assert "no server to be uninstalled" in made.text
    await host.run("mkdir", "-p", SERVER_STATE.rpartition("/")[0])
    await host.write(SERVER_STATE, "")
    program = "/usr/sbin/ipa-server-install"
    await host.write(program, "#!/bin/sh\nexit 1\n", 0o755)
    with pytest.raises(StepError, match="left .* with status 1"):
        await PromoteReplica(made.job).undo_host(made)
    await host.write(program, f'#!/bin/sh\necho "$@"; rm {SERVER_STATE}\n', 0o755)
    await PromoteReplica(made.job).undo_host(made)
    assert "--uninstall --unattended --ignore-topology-disconnect --ignore-last-of-role" in made.text
    await host.remove(program)


async def test_an_installer_that_is_still_at_work_is_stopped_before_anything_is_removed(
    made: KeptContext, recorded: Server, host: ssh.Host
) -> None:
    unit = "replica-portal-0123456789ab-replica-promote"
    await host.run("systemd-run", "--quiet", f"--unit={unit}", "sleep", "600")
    recorded.expect("login_ok")
    renamed(recorded, "server_show", ipaserver="ipareplica")
    renamed(recorded, "server_del_missing<-host_del", nowhere="ipareplica")
    recorded.expect("topologysuffix_find")
    written(recorded, "topologysegment_find", "topologysegment_find", ["domain"], {"all": True}, "location_find")
    await PromoteReplica(made.job).undo_realm(made)
    assert made.text.index(f"Stopped on {REPLICA}: {unit}") < made.text.index("Removed the server")
    assert (await host.run("systemctl", "is-active", unit, check=False)).text.strip() == "inactive"

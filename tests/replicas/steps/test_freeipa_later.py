"""An authority later on a real host, where a small program stands for ipa-ca-install.

The realm's side is the recorded server; so this shows how an installer gets the Directory Manager password, and how the
portal follows and judges it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from replicas.backends.freeipa import access, dogtag
from replicas.backends.freeipa.steps.dogtag import AddRole
from replicas.clients import ssh
from replicas.errors import StepError
from replicas.lifecycle.base import SecretName
from tests.replicas.backends.freeipa.recording import renamed
from tests.replicas.clients.freeipa.conftest import Server, folder, recorded, recorded_ca
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
__all__ = ["folder", "recorded", "recorded_ca"]

PART = dogtag.PARTS["ca"]
SEEN, MANAGER = "/root/seen.json", "canary-directory-manager"
INSTALLER = f"""\
#!/usr/bin/python3 -I
import json, os, subprocess, sys
if "--help" in sys.argv:
    print("Options:\\n  -U, --unattended\\n  --skip-conncheck\\n  --pki-config-override=FILE")
    sys.exit(0)
json.dump({{
    "arguments": sys.argv[1:],
    "listed": subprocess.run(["ps", "axwwe", "-o", "args"], capture_output=True, text=True).stdout,
    "stdin": sys.stdin.read(),
    "files": sorted(os.listdir("/run/replica-portal")),
}}, open({SEEN!r}, "w"))
print("Configuring certificate server (pki-tomcatd). Estimated time: 3 minutes")
print("  [1/2]: creating certificate server db")
if os.path.exists("/root/fail"):
    print("  [error] RuntimeError: CA configuration failed.")
    sys.exit(1)
print("  [2/2]: configuring certificate server instance")
print("Done configuring certificate server (pki-tomcatd).")
"""


@pytest.fixture
async def host(replica: ssh.Host) -> AsyncIterator[ssh.Host]:
    """With the program in the installer's place, and its log; as it was before, afterwards."""
    await replica.write(PART.path, INSTALLER, 0o755)
    await replica.write(PART.log, "2026-11-23T02:00:00Z DEBUG the reason in full\n")
    yield replica
    await replica.remove(PART.path, PART.log, SEEN, "/root/fail")
    await replica.run("rm", "-rf", "/var/lib/pki", "/run/replica-portal")


@pytest.fixture
def made(
    context: Callable[..., KeptContext], recorded: Server, host: ssh.Host, monkeypatch: pytest.MonkeyPatch
) -> KeptContext:
    monkeypatch.setattr(access, "HTTPS", recorded.port)
    made = context({"backend": "freeipa", "ca_certificate": recorded.ca}, setup_ca=True)
    master = replace(made.job.master, hostname=recorded.name, address="127.0.0.1")
    made.job = replace(made.job, action="ca", master=master)

    def secret(name: SecretName) -> str:
        return MANAGER if name == "directory_manager" else recorded.password

    monkeypatch.setattr(made, "secret", secret)
    return made


def serves(recorded: Server, status: str) -> None:
    """The realm says so of the role."""
    recorded.expect("login_ok")
    renamed(recorded, "server_role_find", ipaserver="ipareplica")
    assert recorded.replay
    absent = '"CA server", "server_server": "ipareplica.example.com", "status": "absent"'
    said = json.dumps(recorded.replay.armed[-1]["response"])
    assert absent in said
    text = said.replace(absent, absent.replace('"absent"', f'"{status}"'))
    recorded.replay.armed[-1]["response"] = json.loads(text)


async def test_the_password_reaches_the_installer_and_no_list_of_processes(
    made: KeptContext, recorded: Server, host: ssh.Host
) -> None:
    serves(recorded, "absent")  # what the master knows takes a moment
    serves(recorded, "enabled")
    await AddRole(made.job).run(made)
    seen = json.loads(await host.read(SEEN))
    assert seen["arguments"] == ["--unattended", "--skip-conncheck", f"--password={MANAGER}"]
    assert MANAGER not in seen["listed"]
    assert seen["stdin"] == ""
    assert not [name for name in seen["files"] if name.endswith(".in")]
    assert MANAGER not in made.text
    assert made.steps[-1] == (2, 2, "steps")
    assert made.text.endswith("ipareplica.example.com has a CA")


async def test_a_failure_brings_the_installers_words_and_its_log(
    made: KeptContext, recorded: Server, host: ssh.Host
) -> None:
    await host.write("/root/fail", "")
    with pytest.raises(StepError, match="status 1: .*CA configuration failed") as caught:
        await AddRole(made.job).run(made)
    assert "try again" in caught.value.remedy
    assert "«Undo»" not in caught.value.remedy
    assert "the reason in full" in made.text


async def test_what_was_interrupted_half_way_is_not_done_again(made: KeptContext, host: ssh.Host) -> None:
    await host.run("mkdir", "-p", PART.left.rpartition("/")[0])
    await host.write(PART.left, "")
    with pytest.raises(StepError, match=r"has .*CS\.cfg: ipa-ca-install was interrupted") as caught:
        await AddRole(made.job).run(made)
    assert "request its removal and then request it again with a CA" in caught.value.remedy
    assert "serves everything else as before" in caught.value.remedy
    assert not await host.exists(SEEN)


async def test_an_option_that_the_release_lacks_is_named_before(made: KeptContext, host: ssh.Host) -> None:
    options = replace(made.job.options, pki_config_override="/root/pki.ini")
    made.job = replace(made.job, options=options)
    assert "knows every option" in await dogtag.knows(made)
    made.job = replace(made.job, options=replace(options, token_name="hsm"))  # noqa: S106
    with pytest.raises(StepError, match="does not know --token-name"):
        await dogtag.knows(made)
    await host.remove(PART.path)
    with pytest.raises(StepError, match=r"/usr/sbin/ipa-ca-install --help does not run on .*: "):
        await dogtag.knows(made)

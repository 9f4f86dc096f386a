"""Uploaded certificates on a real host, where a small program stands for ipa-replica-install.

It opens what it is given. The realm's side is the recorded server; so this shows how an installer gets files and pins,
and that they go again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from replicas.backends.freeipa import access, bundle, uploaded
from replicas.backends.freeipa.steps.promote import PATH, PromoteReplica
from replicas.clients import detached, ssh
from replicas.clients.gpg import seal
from replicas.errors import CommandFailed, HostError, StepError
from replicas.lifecycle.base import SecretName
from replicas.lifecycle.steps import packing, sealed
from replicas.uploads.reading import read
from tests.replicas.backends.freeipa.recording import renamed
from tests.replicas.clients.freeipa.conftest import Server, folder, recorded, recorded_ca
from tests.replicas.steps.kept import KeptContext
from tests.replicas.uploads import issuing

pytestmark = pytest.mark.hosts
__all__ = ["folder", "recorded", "recorded_ca"]

SEEN = "/root/seen.json"
INSTALLER = f"""\
#!/usr/bin/python3 -I
import json, os, subprocess, sys, time
def run(*argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, **options).stdout
given = dict(one.split("=", 1) for one in sys.argv[1:] if "=" in one)
opened = {{}}
for service in ("dirsrv", "http", "pkinit"):
    if f"--{{service}}-cert-file" in given:
        argv = ["openssl", "pkcs12", "-in", given[f"--{{service}}-cert-file"], "-nodes", "-passin", "stdin"]
        opened[service] = run(*argv, input=given[f"--{{service}}-pin"])
here = "/run/portal-promote"
json.dump({{
    "arguments": sys.argv[1:], "opened": opened, "listed": run("ps", "axwwe", "-o", "args"),
    "modes": [oct(os.stat(path).st_mode) for path in (here, here + "/dscert.p12")], "files": sorted(os.listdir(here)),
}}, open({SEEN!r}, "w"))
print("Configuring directory server (dirsrv)", flush=True)
time.sleep(float(os.path.exists("/root/slowly")) * 600)
sys.exit(1 if os.path.exists("/root/fail") else 0)
"""


@pytest.fixture
async def host(replica: ssh.Host) -> AsyncIterator[ssh.Host]:
    """With the program in the installer's place; as it was before, afterwards."""
    await replica.run("mkdir", "-p", "/var/lib/ipa")
    await replica.write(PATH, INSTALLER, 0o755)
    yield replica
    assert not await replica.exists(uploaded.FOLDER)
    await replica.remove(PATH, SEEN, "/root/slowly", "/root/fail")
    await replica.run("rm", "-rf", "/var/lib/ipa", "/run/replica-portal")


@pytest.fixture
async def made(
    context: Callable[..., KeptContext], recorded: Server, host: ssh.Host, monkeypatch: pytest.MonkeyPatch
) -> KeptContext:
    """The bundle is on the replica, as the transfer leaves it, and was opened once for the enrolment."""
    monkeypatch.setattr(access, "HTTPS", recorded.port)
    server, kdc = (read([("pem", whole)]) for whole in (issuing.WHOLE, issuing.WHOLE_KDC))
    kept = {"dirsrv_certificate": server, "http_certificate": server, "pkinit_certificate": kdc}
    options = {name: one.described() for name, one in kept.items()}
    made = context({"backend": "freeipa", "ca_certificate": recorded.ca}, **options)
    made.job = replace(made.job, master=replace(made.job.master, hostname=recorded.name, address="127.0.0.1"))

    def secret(name: SecretName) -> str:
        return kept[name].pem() if name in kept else recorded.password

    monkeypatch.setattr(made, "secret", secret)
    members = bundle.members(made.job, "one-time", uploaded.members(made))
    content = seal(packing.pack(members), recorded.password)
    await host.write(made.job.bundle_path, content)
    digest = hashlib.sha256(content).hexdigest()
    made.facts |= {sealed.SHA256: digest, sealed.OPENED: digest, sealed.EXPIRES: sealed.expiry(1)}
    return made


def ready(recorded: Server, *, installed: bool = True) -> None:
    recorded.expect("login_ok")
    renamed(recorded, "hostgroup_add_member_again", replica2="ipareplica")
    if installed:
        recorded.expect("login_ok")
        renamed(recorded, "server_show", ipaserver="ipareplica")


async def test_the_installer_opens_each_file_with_its_pin_and_nobody_sees_the_pins(
    made: KeptContext, recorded: Server, host: ssh.Host
) -> None:
    ready(recorded)
    await PromoteReplica(made.job).run(made)
    seen = json.loads(await host.read(SEEN))
    assert seen["arguments"][:2] == ["--unattended", "--skip-conncheck"]
    assert "--no-pkinit" not in seen["arguments"]
    for service, certificate in (
        ("dirsrv", issuing.SERVER), ("http", issuing.SERVER), ("pkinit", issuing.KDC)
    ):  # fmt: skip
        blocks = seen["opened"][service]
        assert issuing.pem(certificate).decode().strip() in blocks
        assert issuing.pem(issuing.ROOT).decode().strip() in blocks
        assert "PRIVATE KEY" in blocks
    assert len(made.masked) == 3
    assert not any(str(pin) in seen["listed"] + made.text for pin in made.masked)
    assert seen["modes"] == ["0o40700", "0o100600"]
    assert seen["files"] == [
        "answers.json", "ca.crt", "dscert.p12", "httpcert.p12", "pkinitcert.p12", "realm_info"
    ]  # fmt: skip
    assert not await host.exists(uploaded.FOLDER)


async def test_a_failure_leaves_nothing(made: KeptContext, recorded: Server, host: ssh.Host) -> None:
    ready(recorded, installed=False)
    await host.write("/root/fail", "")
    with pytest.raises(StepError, match="status 1"):
        await PromoteReplica(made.job).run(made)
    assert not await host.exists(uploaded.FOLDER)


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
async def test_an_installer_that_is_ended_leaves_nothing(
    made: KeptContext, recorded: Server, host: ssh.Host, signal: str
) -> None:
    ready(recorded, installed=False)
    await host.write("/root/slowly", "")
    working = asyncio.ensure_future(PromoteReplica(made.job).run(made))
    while not await host.exists(SEEN):
        await asyncio.sleep(0.1)
    await host.run("systemctl", "kill", f"--signal={signal}", "test-promote")
    with pytest.raises((CommandFailed, HostError)):
        await working
    assert not await host.exists(uploaded.FOLDER)


async def test_a_stopped_run_leaves_nothing(made: KeptContext, recorded: Server, host: ssh.Host) -> None:
    ready(recorded, installed=False)
    await host.write("/root/slowly", "")
    working = asyncio.ensure_future(PromoteReplica(made.job).run(made))
    while not await host.exists(SEEN):
        await asyncio.sleep(0.1)
    assert await host.exists(uploaded.FOLDER)
    await detached.clean(host, "test-promote")
    with pytest.raises((CommandFailed, HostError)):
        await working
    assert not await host.exists(uploaded.FOLDER)

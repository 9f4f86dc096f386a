"""Enrolling on a real host, where a small program stands for FreeIPA's client installer: the host's side alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable

import pytest

from replicas.backends.freeipa import bundle
from replicas.backends.freeipa.checks import CLIENT
from replicas.backends.freeipa.opening import interpreter
from replicas.backends.freeipa.steps.enrol import PROGRAM, EnrolHost
from replicas.clients import ssh
from replicas.clients.gpg import seal
from replicas.errors import BundleError, StepError, WrongPassword
from replicas.lifecycle.steps import packing, sealed
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts

PASSWORD = "3Qj5R2C5lBtJOw1EEbyjw1P"
SEEN = "/root/seen.json"
INSTALLER = f"""\
#!/usr/bin/python3 -I
import json, os, subprocess, sys
listed = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout
ca = [one.partition("=")[2] for one in sys.argv if one.startswith("--ca-cert-file=")][0]
json.dump({{"arguments": sys.argv[1:], "listed": listed, "ca": open(ca).read()}}, open({SEEN!r}, "w"))
print("Enrolled in IPA realm EXAMPLE.COM")
if "--hostname=fails.example.com" in sys.argv:
    print("  [error] RuntimeError: no")
    sys.exit(1)
os.makedirs("/etc/ipa", exist_ok=True)
open({CLIENT!r}, "w").close()
"""


@pytest.fixture
async def host(replica: ssh.Host) -> AsyncIterator[ssh.Host]:
    """With the program in the installer's place; as it was before, afterwards."""
    before = (await replica.run("ls", "-A", "/run")).text
    await replica.run("mkdir", "-p", "/var/lib/ipa")
    await replica.write(PROGRAM, INSTALLER, 0o755)
    yield replica
    await replica.remove(PROGRAM, SEEN, CLIENT)
    await replica.run("rmdir", "/etc/ipa", "/var/lib/ipa", "/run/replica-portal", check=False)
    assert (await replica.run("ls", "-A", "/run")).text.replace("replica-portal\n", "") == before.replace(
        "replica-portal\n", ""
    )


async def prepared(made: KeptContext, host: ssh.Host) -> EnrolHost:
    """As the transfer leaves it."""
    content = seal(packing.pack(bundle.members(made.job, PASSWORD)), made.secret("admin"))
    await host.write(made.job.bundle_path, content)
    made.facts |= {sealed.SHA256: hashlib.sha256(content).hexdigest(), sealed.EXPIRES: sealed.expiry(1)}
    return EnrolHost(made.job)


async def test_the_installer_gets_password_and_authority_and_nobody_sees_them(
    context: Callable[..., KeptContext], host: ssh.Host
) -> None:
    made = context({"backend": "freeipa"})
    step = await prepared(made, host)
    await step.run(made)
    seen = json.loads(await host.read(SEEN))
    assert f"--password={PASSWORD}" in seen["arguments"]
    assert f"--realm={made.job.realm.name}" in seen["arguments"]
    assert seen["ca"] == made.job.realm.ca_certificate
    assert PASSWORD not in seen["listed"] + made.text
    assert made.secret("admin") not in seen["listed"] + made.text
    assert made.facts[sealed.OPENED] == made.facts[sealed.SHA256]
    assert "Enrolled in IPA realm EXAMPLE.COM" in made.text
    await host.remove(made.job.bundle_path)


async def test_a_bundle_that_is_not_the_sealed_one_or_has_another_password_is_refused(
    context: Callable[..., KeptContext], host: ssh.Host
) -> None:
    made = context({"backend": "freeipa"})
    step = await prepared(made, host)
    made.facts[sealed.SHA256] = "0" * 64
    with pytest.raises(BundleError, match="is not the bundle that was sealed"):
        await step.run(made)
    await host.write(made.job.bundle_path, seal(packing.pack(bundle.members(made.job, PASSWORD)), "another one"))
    with pytest.raises(WrongPassword, match="does not open"):
        await step.run(made)
    assert not await host.exists(SEEN)
    await host.remove(made.job.bundle_path)


async def test_a_host_that_is_half_enrolled_is_refused(context: Callable[..., KeptContext], host: ssh.Host) -> None:
    made = context({"backend": "freeipa"})
    step = await prepared(made, host)
    await host.run("mkdir", "-p", "/etc/ipa")
    await host.write(CLIENT, "")
    with pytest.raises(StepError, match="is half enrolled") as caught:
        await step.run(made)
    assert f"See the realm in {CLIENT} there. If it is another one, choose another host." in caught.value.remedy
    await host.remove(made.job.bundle_path)


async def test_the_interpreter_is_the_programs_own(host: ssh.Host) -> None:
    assert await interpreter(host, PROGRAM) == "/usr/bin/python3"
    await host.write(PROGRAM, "#!/bin/sh\n", 0o755)
    with pytest.raises(StepError, match="not a Python program"):
        await interpreter(host, PROGRAM)


async def test_undo_runs_the_uninstaller_where_there_is_a_client(
    context: Callable[..., KeptContext], host: ssh.Host
) -> None:
    made = context({"backend": "freeipa"})
    step = EnrolHost(made.job)
    await step.undo_host(made)
    assert "is no client of a realm" in made.text
    await host.run("mkdir", "-p", "/etc/ipa")
    await host.write(CLIENT, "")
    await host.write(PROGRAM, "#!/bin/sh\nexit 3\n", 0o755)
    with pytest.raises(StepError, match="status 3"):
        await step.undo_host(made)
    await host.write(PROGRAM, f'#!/bin/sh\necho "$@"; rm {CLIENT}\n', 0o755)
    await step.undo_host(made)
    assert "--uninstall --unattended" in made.text

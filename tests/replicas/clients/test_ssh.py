"""SSH against real hosts: pinning, commands, files, and what outlives a connection."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab import Lab
from replicas.clients import detached, ssh
from replicas.errors import CommandFailed, HostError, HostKeyChanged, HostUnreachable, StepError
from tests.detaching import command
from tests.replicas.steps.kept import endpoint

pytestmark = pytest.mark.hosts


async def test_host_key_and_fingerprint(lab: Lab) -> None:
    key = await ssh.fetch_host_key(str(lab.master.address))
    assert key == lab.master.public_key
    assert ssh.fingerprint(key) == lab.master.fingerprint


async def test_changed_host_key_shows_both(lab: Lab) -> None:
    first, second = lab.hosts[:2]
    wrong = dataclasses.replace(endpoint(first), host_key=second.public_key)
    with pytest.raises(HostKeyChanged) as caught:
        await ssh.connect(wrong, lab.ssh_key)
    for word in (first.name, str(first.address), first.fingerprint, second.fingerprint):
        assert word in caught.value.message


async def test_host_without_the_pinned_kind_of_key(lab: Lab) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode().strip()
    wrong = dataclasses.replace(endpoint(lab.master), host_key=other)
    with pytest.raises(HostKeyChanged, match=lab.master.fingerprint.replace("+", r"\+")):
        await ssh.connect(wrong, lab.ssh_key)


async def test_unreachable_names_host_address_and_cause(lab: Lab) -> None:
    closed = dataclasses.replace(endpoint(lab.master), port=2222)
    with pytest.raises(HostUnreachable, match=r"ipaserver\.example\.com \(.*port 2222: connection refused"):
        await ssh.connect(closed, lab.ssh_key)
    silent = dataclasses.replace(endpoint(lab.master), address="10.255.255.1")
    with pytest.raises(HostUnreachable, match=r"10\.255\.255\.1"):
        await ssh.connect(silent, lab.ssh_key, timeout=1)


async def test_key_that_is_not_accepted(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(path))
    with pytest.raises(HostUnreachable, match="does not accept") as caught:
        await ssh.connect(endpoint(lab.master), path)
    assert not caught.value.retryable
    with pytest.raises(HostError, match="cannot be read"):
        await ssh.connect(endpoint(lab.master), tmp_path / "missing")


async def test_arguments_arrive_as_they_are(master: ssh.Host) -> None:
    words = ["a b", "$HOME", "`id`", "'", '"', "\\", "*", "ä\n", ""]
    result = await master.run("printf", "%s\\0", *words)
    assert result.stdout.decode().split("\0")[:-1] == words


async def test_input_status_and_locale(master: ssh.Host) -> None:
    assert (await master.run("cat", input="ä\0b")).stdout == "ä\0b".encode()
    assert (await master.run("cat")).stdout == b""
    assert (await master.run("false", check=False)).status == 1
    assert "LC_ALL=C\n" in (await master.run("env")).text
    large = b"x" * 3_000_000
    assert (await master.run("cat", input=large)).stdout == large
    assert (await master.run("true", input=large)).status == 0


async def test_another_user_works_through_sudo(lab: Lab, replica: ssh.Host) -> None:
    await replica.run("useradd", "--create-home", "portal-test")
    try:
        await replica.run("install", "-d", "-o", "portal-test", "/home/portal-test/.ssh")
        keys = await replica.read("/root/.ssh/authorized_keys")
        await replica.write("/home/portal-test/.ssh/authorized_keys", keys, owner="portal-test:portal-test")
        user = dataclasses.replace(endpoint(lab.hosts[1]), user="portal-test")
        async with await ssh.connect(user, lab.ssh_key) as host:
            with pytest.raises(CommandFailed) as caught:
                await host.run("id", "-u")
            assert "sudo without a password" in caught.value.remedy
            await replica.write("/etc/sudoers.d/portal-test", "portal-test ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
            assert (await host.run("id", "-u")).text == "0\n"
            assert (await host.python("addresses", {}))["fqdn"] == "ipareplica.example.com"
    finally:
        await replica.remove("/etc/sudoers.d/portal-test")
        await replica.run("userdel", "--remove", "--force", "portal-test", check=False)


async def test_failure_and_slowness(master: ssh.Host) -> None:
    with pytest.raises(CommandFailed, match=r"ls on ipaserver\.example\.com ended with status 2: .*No such file"):
        await master.run("ls", "/nonexistent")
    with pytest.raises(CommandFailed) as caught:
        await master.run("sleep", "77.5", timeout=0.2)
    assert caught.value.status == 124
    await asyncio.sleep(0.2)
    assert (await master.run("pgrep", "-f", "^sleep 77.5", check=False)).status == 1


async def test_what_a_signal_ended_can_succeed_once_the_host_is_back(master: ssh.Host) -> None:
    with pytest.raises(CommandFailed, match=r"sh on .* was ended by signal 9") as caught:
        await master.run("sh", "-c", "kill -KILL $$")
    assert caught.value.retryable
    assert "shut down" in caught.value.remedy
    assert not CommandFailed("host", "ls", 2, "no such file").retryable
    assert CommandFailed("host", "systemctl", 1, "Failed to connect to bus: Connection refused").retryable


async def test_many_at_once_on_one_connection(master: ssh.Host) -> None:
    results = await asyncio.gather(*(master.run("echo", str(number)) for number in range(40)))
    assert [int(result.text) for result in results] == list(range(40))


async def test_lost_connection(lab: Lab) -> None:
    async with await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key) as host:
        waiting = asyncio.create_task(host.run("sleep", "60"))
        await asyncio.sleep(0.3)
        host._connection.abort()
        with pytest.raises(HostUnreachable, match="was lost"):
            await waiting
        with pytest.raises(HostUnreachable, match="was lost"):
            await host.run("true")


@pytest.mark.parametrize("begun", [True, False], ids=["in a command", "before it begins"])
async def test_a_host_that_resets_the_connection(lab: Lab, begun: bool) -> None:
    """What a host answers that was started anew: the kernel's error is the same lost connection."""
    host, bashrc = lab.hosts[1], lab.hosts[1].read("/root/.bashrc")
    if not begun:
        host.write("/root/.bashrc", "sleep 60\n")
    try:
        async with await ssh.connect(endpoint(host), lab.ssh_key) as opened:
            waiting = asyncio.create_task(opened.run("sleep", "60"))
            await asyncio.sleep(0.5)
            host.reset_connections(22)
            with pytest.raises(HostUnreachable, match="was lost") as caught:
                await waiting  # until the next sign of life is sent
            assert caught.value.retryable
    finally:
        host.unblock()
        host.write("/root/.bashrc", bashrc)


async def test_write_is_atomic_and_says_whether_it_changed(replica: ssh.Host) -> None:
    path = "/root/portal-test"
    assert await replica.write(path, b"one\0", mode=0o640, owner="root:bind")
    assert not await replica.write(path, b"one\0", mode=0o640, owner="root:bind")
    assert await replica.write(path, b"one\0", mode=0o600)
    assert (await replica.run("stat", "--format=%a %U:%G", path)).text == "600 root:root\n"
    assert await replica.read(path) == b"one\0"
    with pytest.raises(StepError, match="longer than 2 bytes"):
        await replica.read(path, limit=2)
    await replica.remove(path, path)
    assert not await replica.exists(path)
    with pytest.raises(StepError, match=r"/nonexistent/x on ipareplica.* cannot be written: No such file"):
        await replica.write("/nonexistent/x", b"")
    assert ".portal-" not in (await replica.run("ls", "-A", "/root")).text


async def test_program_errors(replica: ssh.Host) -> None:
    with pytest.raises(CommandFailed, match="hostside/write .*KeyError"):
        await replica.python("write", {})
    facts = await replica.python("addresses", {"folders": ["/var/lib/ipa/x"], "resolve": ["ipaserver.example.com"]})
    assert facts["fqdn"] == "ipareplica.example.com"
    assert replica.address in [entry["address"] for entry in facts["addresses"]]
    assert facts["disk"]["/var/lib/ipa/x"]["free"] > 0
    assert abs(facts["clock"] - time.time()) < 5


async def test_leaving_a_stream_ends_the_program(replica: ssh.Host) -> None:
    payload = {"ports": [[7777, "tcp"]], "addresses": [replica.address], "seconds": 60}
    async with replica.stream("listen", payload) as lines:
        assert (await anext(aiter(lines)))["ready"]
        assert ":7777" in (await replica.run("ss", "-lnt")).text
    assert ":7777" not in (await replica.run("ss", "-lnt")).text


@pytest.fixture
async def unit(replica: ssh.Host) -> Any:
    yield "portal-test"
    await detached.clean(replica, "portal-test")


async def test_detached_goes_on_without_ssh(lab: Lab, replica: ssh.Host, unit: str) -> None:
    script = "read secret; for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done; echo end $secret; exit 7"
    seen: list[tuple[str, int]] = []
    first = await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key)
    following = asyncio.create_task(
        command(first, unit, ["sh", "-c", script], lambda *piece: seen.append(piece), input=b"key\n")
    )
    while not seen:
        await asyncio.sleep(0.02)
    first._connection.abort()
    with pytest.raises(HostUnreachable):
        await following
    offset = seen[-1][1]
    status = await command(replica, unit, ["sh", "-c", script], lambda *piece: seen.append(piece), offset=offset)
    assert status == 7
    assert "".join(text for text, _ in seen) == "".join(f"line {number}\n" for number in range(1, 6)) + "end key\n"
    assert not await replica.exists(f"/run/replica-portal/{unit}.in")


async def test_detached_has_its_input_alone_and_a_umask_with_which_services_can_read(
    replica: ssh.Host, unit: str
) -> None:
    seen: list[str] = []
    argv = ["sh", "-c", "umask; cat; ls /run/replica-portal"]
    assert await command(replica, unit, argv, lambda text, _: seen.append(text), input=b"key\n") == 0
    assert "".join(seen).splitlines() == ["0022", "key", f"{unit}.out"]


async def test_detached_without_its_program_says_so(replica: ssh.Host, unit: str) -> None:
    seen: list[str] = []
    assert await command(replica, unit, ["no-such-program"], lambda text, _: seen.append(text), input=b"key\n") == 127
    assert "no-such-program: not found" in "".join(seen)
    assert not await replica.exists(f"/run/replica-portal/{unit}.in")


async def test_detached_is_started_once(replica: ssh.Host, unit: str) -> None:
    seen: list[str] = []
    run: Callable[[], Any] = lambda: command(replica, unit, ["date", "+%N"], lambda text, _: seen.append(text))  # noqa: E731
    assert await run() == 0
    assert await run() == 0
    assert len(seen) == 2
    assert seen[0] == seen[1]
    await detached.clean(replica, unit)
    assert await run() == 0
    assert seen[2] != seen[0]


async def test_detached_killed_and_slow(replica: ssh.Host, unit: str) -> None:
    seen: list[str] = []
    words = ["$HOME", "${PATH}", "$$", "%n", "a b", '"']
    assert await command(replica, unit, ["printf", "%s\\n", *words], lambda text, _: seen.append(text)) == 0
    assert "".join(seen).splitlines() == words
    await detached.clean(replica, unit)
    assert await command(replica, unit, ["sh", "-c", "kill -9 $$"], print) == 137
    await detached.clean(replica, unit)
    with pytest.raises(CommandFailed, match="not finished within") as caught:
        await command(replica, unit, ["sleep", "60"], print, timeout=0.5)
    assert "goes on" in caught.value.remedy


async def test_nothing_is_sent_when_the_guard_refuses(replica: ssh.Host) -> None:
    def refuse() -> None:
        raise StepError("the lease is over")

    replica.guard = refuse
    with pytest.raises(StepError, match="the lease is over"):
        await replica.run("touch", "/run/sent")
    allowed = [True]

    def refuse_later() -> None:
        if not allowed:
            raise StepError("the lease is over")
        allowed.pop()

    replica.guard = refuse_later
    with pytest.raises(StepError, match="the lease is over"):
        await replica.run("tee", "/run/sent", input="too late\n")
    replica.guard = lambda: None
    assert (await replica.run("cat", "/run/sent", check=False)).text == ""

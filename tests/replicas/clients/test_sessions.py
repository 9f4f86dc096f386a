"""Sessions on real sshd that admits few of them: waiting, further connections, and the end of patience."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from lab import Host, Lab
from replicas.clients import sessions, ssh
from replicas.errors import HostError, HostUnreachable
from replicas.lifecycle import findings
from tests.replicas.steps.kept import endpoint

pytestmark = pytest.mark.hosts
FILES = ("/etc/ssh/sshd_config.d/00-test.conf", "/etc/ssh/sshd_config.d/zz-test.conf")
"""Of MaxSessions the first value counts, of MaxStartups the last one (OpenSSH 9.2)."""
Configure = Callable[[str], None]


@pytest.fixture
def configure(lab: Lab) -> Iterator[Configure]:
    """Write settings of sshd on the replica's host that count more than its own."""
    host = lab.hosts[1]

    def put(text: str) -> None:
        for path in FILES:
            host.write(path, text)
        host.run(["sh", "-c", "systemctl reset-failed ssh; systemctl restart ssh"])

    yield put
    host.run(["rm", "-f", *FILES])
    host.run(["sh", "-c", "systemctl reset-failed ssh; systemctl restart ssh"])


def listen(host: ssh.Host, port: int) -> dict[str, object]:
    return {"ports": [[port, "tcp"]], "addresses": [host.address], "seconds": 60}


@pytest.mark.parametrize("most", [1, 2])
async def test_many_commands_where_few_sessions_are_admitted(lab: Lab, configure: Configure, most: int) -> None:
    configure(f"MaxSessions {most}\n")
    said: list[str] = []
    async with await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key) as host:
        host.sessions.notify = said.append
        results = await asyncio.gather(*(host.run("echo", str(number)) for number in range(20)))
        assert [int(result.text) for result in results] == list(range(20))
    assert "ipareplica.example.com refused another session" in said[0]
    assert sum("refused another session" in one for one in said) == 1


async def test_a_step_that_holds_sessions_gets_further_ones(lab: Lab, configure: Configure) -> None:
    configure("MaxSessions 1\n")
    said: list[str] = []
    async with await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key) as host:
        host.sessions.notify = said.append
        async with (
            host.stream("listen", listen(host, 7781)) as first,
            host.stream("listen", listen(host, 7782)) as second,
        ):
            assert (await anext(aiter(first)))["ready"]
            assert (await anext(aiter(second)))["ready"]
            assert ":7782" in (await host.run("ss", "-lnt")).text
        assert host.connected
    assert any("Opened another SSH connection" in one for one in said)
    assert await until(lambda: len(established(lab.hosts[1])) == 0)


async def test_a_host_that_admits_none_is_named(
    lab: Lab, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is before the checks of a plan have to be done, and says the cause."""
    assert sessions.FIRST_SECONDS + 10 < findings.SECONDS
    monkeypatch.setattr(sessions, "FIRST_SECONDS", 3.0)
    configure("MaxSessions 0\n")
    async with await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key) as host:
        start = time.monotonic()
        with pytest.raises(HostError, match=r"ipareplica\.example\.com admitted no session within 3 s") as caught:
            await host.run("true")
        assert time.monotonic() - start < 15
        assert not isinstance(caught.value, HostUnreachable)
        assert "MaxSessions" in caught.value.remedy


async def test_sessions_are_admitted_again(lab: Lab, configure: Configure) -> None:
    """The first connection admits none for good; once the server does, another one has them."""
    configure("MaxSessions 0\n")
    async with await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key) as host:
        waiting = asyncio.create_task(host.run("echo", "done"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await asyncio.to_thread(configure, "MaxSessions 1\n")
        assert (await waiting).text == "done\n"


async def test_a_lost_connection_is_lost_while_sessions_wait(lab: Lab, configure: Configure) -> None:
    configure("MaxSessions 1\n")
    async with await ssh.connect(endpoint(lab.hosts[1]), lab.ssh_key) as host:
        waiting = [asyncio.create_task(host.run("sleep", "30")) for _ in range(3)]
        await asyncio.sleep(0.5)
        host._connection.abort()
        for one in waiting:
            with pytest.raises(HostUnreachable, match="was lost"):
                await one


async def test_logins_that_are_dropped_at_first(lab: Lab, configure: Configure) -> None:
    """sshd drops connections while others have not signed in yet (MaxStartups)."""
    configure("MaxStartups 1:100:1\n")
    host = lab.hosts[1]
    with socket.create_connection((str(host.address), 22)) as silent:
        silent.recv(10)
        attempts = [
            asyncio.create_task(ssh.fetch_host_key(str(host.address))),
            asyncio.create_task(open_and_close(lab, host)),
        ]
        await asyncio.sleep(1)
        assert [attempt.exception() for attempt in attempts if attempt.done()] == []
    assert await attempts[0] == host.public_key
    assert await attempts[1] == "done\n"


async def open_and_close(lab: Lab, host: Host) -> str:
    async with await ssh.connect(endpoint(host), lab.ssh_key) as opened:
        return (await opened.run("echo", "done")).text


async def until(condition: Callable[[], bool]) -> bool:
    for _ in range(50):
        if condition():
            return True
        await asyncio.sleep(0.1)
    return False


def established(host: Host) -> list[str]:
    return host.run(["ss", "-Hnt", "state", "established", "sport = :22"]).stdout.decode().splitlines()

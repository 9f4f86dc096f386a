"""The directory of a real master."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from lab import Lab
from replicas.clients.ldap import Directory, LdapRefused
from replicas.errors import DirectoryError, DirectoryLost, WrongPassword
from tests.replicas.clients.freeipa.replay import Replay, serving
from tests.replicas.typed import TYPED
from tests.replicas.uploads import issuing

pytestmark = pytest.mark.hosts

MANAGER = "cn=Directory Manager"
COUNTER = "cn=portal-test,cn=etc,dc=example,dc=com"


@pytest.mark.parametrize("starttls", [False, True])
async def test_entries(lab: Lab, ca: str, starttls: bool) -> None:
    address, password = str(lab.master.address), lab.secrets.directory_manager
    async with Directory.bind(lab.master.name, address, ca, MANAGER, password, starttls=starttls) as directory:
        await directory.delete(COUNTER)
        classes = ["top", "nsContainer", "extensibleObject"]
        await directory.add(COUNTER, {"objectClass": classes, "cn": ["portal-test"], "description": ["ä"]})
        assert await directory.get(COUNTER, ["DESCRIPTION"]) == {"DESCRIPTION": ["ä"]}
        with pytest.raises(LdapRefused, match=r"entryAlreadyExists \(68\)") as caught:
            await directory.add(COUNTER, {"objectClass": classes, "cn": ["portal-test"]})
        assert caught.value.code == 68
        await directory.modify(COUNTER, ("add", "description", ["b"]), ("delete", "description", ["ä"]))
        found = await directory.search("cn=etc,dc=example,dc=com", "(description=b)", ["description"])
        assert found == [(COUNTER, {"description": ["b"]})]
        assert await directory.delete(COUNTER)
        assert not await directory.delete(COUNTER)
        assert await directory.get(COUNTER) is None
        assert await directory.search(COUNTER, "(objectClass=*)") == []


async def test_nobody_gets_a_counter_value_twice(lab: Lab, ca: str) -> None:
    bind = (lab.master.name, str(lab.master.address), ca, MANAGER, lab.secrets.directory_manager)

    async def take(times: int) -> list[int]:
        async with Directory.bind(*bind) as directory:
            return [await directory.take_counter(COUNTER, "nsDS5ReplicaId", secrets.token_hex(4)) for _ in range(times)]

    async with Directory.bind(*bind) as directory:
        await directory.delete(COUNTER)
        classes = ["top", "nsContainer", "extensibleObject"]
        await directory.add(COUNTER, {"objectClass": classes, "cn": ["portal-test"], "nsDS5ReplicaId": ["2"]})
        taken = await asyncio.gather(*(take(5) for _ in range(6)))
        assert sorted(sum(taken, [])) == list(range(2, 32))
        # Whoever does not know whether an attempt came through asks again, at the same time even.
        assert await directory.take_counter(COUNTER, "nsDS5ReplicaId", "host token") == 32
        assert {await directory.take_counter(COUNTER, "nsDS5ReplicaId", "host token") for _ in range(3)} == {32}
        assert await directory.take_counter(COUNTER, "nsDS5ReplicaId", "other token") == 33
        await directory.delete(COUNTER)
        with pytest.raises(DirectoryError, match="There is no counter"):
            await directory.take_counter(COUNTER, "nsDS5ReplicaId", "host token")


@pytest.mark.parametrize(
    ("name", "host", "error", "words"),
    [
        ("ipaserver.example.com", 0, WrongPassword, "does not accept the password of cn=Directory Manager"),
        ("other.example.com", 0, DirectoryError, "certificate is for another host"),
        ("ipareplica.example.com", 1, DirectoryError, r"ipareplica\.example\.com \(.*connection refused"),
    ],
)
async def test_refusals(lab: Lab, ca: str, name: str, host: int, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        async with Directory.bind(name, str(lab.hosts[host].address), ca, MANAGER, "wrong"):
            pass


@pytest.mark.parametrize("password", TYPED)
async def test_a_password_goes_out_as_it_was_typed(lab: Lab, ca: str, password: str) -> None:
    """The directory hashes the bytes that it was given, whatever Unicode knows of their letters."""
    bind = (lab.master.name, str(lab.master.address), ca, MANAGER)
    own = lab.secrets.directory_manager
    async with Directory.bind(*bind, own) as directory:
        await directory.modify("cn=config", ("replace", "nsslapd-rootpw", [password.encode()]))
        try:
            async with Directory.bind(*bind, password) as again:
                assert await again.get("cn=config", ["nsslapd-port"])
            with pytest.raises(WrongPassword):
                async with Directory.bind(*bind, f"{password}x"):
                    pass
        finally:
            await directory.modify("cn=config", ("replace", "nsslapd-rootpw", [own.encode()]))


async def test_a_server_that_falls_silent_is_lost(lab: Lab, ca: str) -> None:
    address, password = str(lab.master.address), lab.secrets.directory_manager
    async with Directory.bind(lab.master.name, address, ca, MANAGER, password, timeout=1) as directory:
        lab.master.run(["pkill", "-STOP", "ns-slapd"])
        try:
            with pytest.raises(DirectoryLost, match=r"ipaserver\.example\.com did not answer: .*timed out"):
                await directory.get(COUNTER)
        finally:
            lab.master.run(["pkill", "-CONT", "ns-slapd"])


async def test_foreign_authority(lab: Lab, foreign_ca: str) -> None:
    with pytest.raises(DirectoryError, match="not from the realm's authority"):
        async with Directory.bind(lab.master.name, str(lab.master.address), foreign_ca, MANAGER, "x"):
            pass


@pytest.mark.parametrize(
    ("begins", "ends", "words"), [(-2, -1, "its authority, has expired"), (1, 2, "its certificate is not valid yet")]
)
async def test_a_certificate_that_is_not_valid_now(tmp_path: Path, begins: int, ends: int, words: str) -> None:
    name, begin, end = "ipaserver.example.com", *(issuing.NOW + days * issuing.DAY for days in (begins, ends))
    made = issuing.issue(name, "Root", issuing.key(0), issuing.key(1), issuing.names(name), begin=begin, end=end)
    (tmp_path / "server.crt").write_bytes(issuing.pem(made))
    (tmp_path / "server.key").write_bytes(issuing.pkcs8(issuing.key(1)))
    with serving(Replay(), tmp_path) as port, pytest.raises(DirectoryError, match=words):
        async with Directory.bind(name, "127.0.0.1", issuing.pem(issuing.ROOT).decode(), MANAGER, "x", port=port):
            pass

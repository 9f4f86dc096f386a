"""What health checks say of replication between real servers: nothing that is not so, and what is so, with its age."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lab import Host, Lab
from replicas.choices import RealmLevel
from replicas.lifecycle import looking
from tests.hosts.census import LDAPI, SUFFIX
from tests.hosts.conftest import Portal
from tests.hosts.test_look import look, modify, write
from tests.hosts.test_remove import FIRST, SECOND, options, removal, succeeded

pytestmark = pytest.mark.hosts
AGREEMENTS = "(objectClass=nsds5ReplicationAgreement)"
KEPT_ALIVE = "(&(objectClass=ldapSubEntry)(cn=repl keep alive 9))"
READ = ["ldapsearch", "-Q", "-LLL", "-o", "ldif-wrap=no", "-Y", "EXTERNAL", "-H", LDAPI]


def agreements() -> dict[tuple[str, str], dict[str, Any]]:
    seen = look()
    assert seen.health is not None, seen.error
    return {(one["supplier"], one["consumer"]): one for one in seen.health["agreements"]}


def enable(*hosts: Host, on: bool) -> None:
    """Start or stop every agreement of these servers."""
    for host in hosts:
        found = host.run([*READ, "-b", "cn=config", AGREEMENTS, "dn"]).stdout.decode()
        for line in (line for line in found.splitlines() if line.startswith("dn:")):
            value = "on" if on else "off"
            modify(host, f"{line}\nchangetype: modify\nreplace: nsds5ReplicaEnabled\nnsds5ReplicaEnabled: {value}\n")


def status(host: Host) -> str:
    return host.run([*READ, "-b", "cn=config", AGREEMENTS, "nsds5replicaLastUpdateStatus"]).stdout.decode()


def wait_until(host: Host, words: str) -> None:
    give_up = time.monotonic() + 120
    while words not in status(host):
        assert time.monotonic() < give_up, status(host)
        time.sleep(0.2)


def port(host: Host, number: int) -> None:
    """Have the agreement of this server lead to another port."""
    found = host.run([*READ, "-b", "cn=config", AGREEMENTS, "dn"]).stdout.decode()
    (line,) = [line for line in found.splitlines() if line.startswith("dn:")]
    modify(host, f"{line}\nchangetype: modify\nreplace: nsDS5ReplicaPort\nnsDS5ReplicaPort: {number}\n")


def settled(*pairs: tuple[str, str]) -> None:
    """Wait until nothing is on its way: two suppliers that begin at once keep each other busy for a while."""
    give_up = time.monotonic() + 120
    while any(agreements()[pair]["lag"] for pair in pairs):
        assert time.monotonic() < give_up


def deleted_twice(master: Host, replica: Host) -> None:
    """Delete one entry on both servers, neither knowing of the other: the second change gets into one vector only."""
    entry = f"dn: cn=repl keep alive 9,{SUFFIX}\n"
    kinds = "".join(f"objectClass: {kind}\n" for kind in ("top", "ldapSubEntry", "extensibleObject"))
    modify(master, f"{entry}changetype: add\n{kinds}cn: repl keep alive 9\n")
    give_up = time.monotonic() + 30
    while b"keep alive 9" not in replica.run([*READ, "-b", SUFFIX, KEPT_ALIVE, "cn"]).stdout:
        assert time.monotonic() < give_up
        time.sleep(0.2)
    enable(master, replica, on=False)
    modify(master, f"{entry}changetype: delete\n")
    time.sleep(2)
    modify(replica, f"{entry}changetype: delete\n")
    enable(master, replica, on=True)


def test_nothing_is_called_broken_or_behind_that_is_not(portal: Portal, hosts: Lab) -> None:
    first, second, master = hosts.host(FIRST), hosts.host(SECOND), hosts.master
    there, back = (master.name, FIRST), (FIRST, master.name)
    portal.register()
    succeeded(portal, portal.install(FIRST, **options(first)))
    succeeded(portal, portal.install(SECOND, **options(second)))
    found = agreements()
    assert {one["problem"] for one in found.values()} == {""}, "the master is busy with the other supplier"
    assert look().level == RealmLevel.WELL

    succeeded(portal, removal(portal, SECOND))
    assert {pair: (one["lag"], one["problem"]) for pair, one in agreements().items()} == {there: (0, ""), back: (0, "")}
    deleted_twice(master, first)
    settled(there, back)
    for _ in range(2):
        found = agreements()
        assert {pair: (one["lag"], one["problem"]) for pair, one in found.items()} == {there: (0, ""), back: (0, "")}
    assert found[back]["waiting"], "its vector is not that of the supplier, and stays so"

    enable(master, on=False)
    write(master, "the first change that waits")
    time.sleep(4)
    write(master, "the second one")
    waited = agreements()[there]["lag"]
    assert waited >= 4, "with the pause before the second reading"
    time.sleep(5)
    write(master, "the third one")
    assert agreements()[there]["lag"] >= waited + 5, "the first one goes on waiting"
    enable(master, on=True)
    settled(there)

    first.run(["systemctl", "stop", "dirsrv@EXAMPLE-COM"])
    write(master, "nobody is there to get it")
    wait_until(master, "Error (-1)")
    first.run(["systemctl", "start", "dirsrv@EXAMPLE-COM"])
    seen = look()
    assert seen.health is not None
    assert not [one for one in seen.health["agreements"] if one["problem"]], "what the supplier says was true before"
    assert seen.level == RealmLevel.WELL


def test_a_supplier_that_does_not_reach_its_consumer_is_broken(
    portal: Portal, hosts: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal does reach it, on another port."""
    first, master = hosts.host(FIRST), hosts.master
    monkeypatch.setattr(looking, "PAUSE_SECONDS", 12)
    portal.register()
    succeeded(portal, portal.install(FIRST, **options(first)))
    port(master, 3899)
    try:
        write(master, "which does not arrive")
        wait_until(master, "Error (-1")
        there = agreements()[master.name, FIRST]
        assert "Error (-1" in there["problem"]
        assert there["lag"] >= 12
    finally:
        port(master, 389)

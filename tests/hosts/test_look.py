"""Looking at a realm of real servers: what is well, what is broken, and what is well again."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lab import Host, Lab
from replicas.choices import RunState
from replicas.lifecycle import looking
from replicas.models import AuditEvent, Realm, RealmLook
from tests.hosts.census import LDAPI, SUFFIX
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
RECORD = f"_ldap._tcp.example.com. SRV 0 100 389 {NAME}."


def look() -> RealmLook:
    realm = Realm.objects.get()
    assert looking.claim(realm, 0)
    looking.look(realm)
    return RealmLook.objects.get()


def by_name(seen: RealmLook) -> dict[str, dict[str, Any]]:
    assert seen.health is not None
    return {server["name"]: server for server in seen.health["servers"]}


def missing(seen: RealmLook) -> list[str]:
    return [row["record"] for row in seen.dns if row["problem"] or any(row["servers"].values())]


def delete(master: Host, record: str) -> None:
    update = f"server 127.0.0.1\nupdate delete {record}\nsend\n"
    master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=update.encode())


def modify(master: Host, change: str) -> None:
    master.run(["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", LDAPI], input=change.encode())


def held(master: Host, so: bool) -> None:
    """Whether the master's agreement with the replica sends nothing."""
    kind = "(objectClass=nsds5ReplicationAgreement)"
    search = ["ldapsearch", "-Q", "-LLL", "-o", "ldif-wrap=no", "-Y", "EXTERNAL", "-H", LDAPI, "-b", "cn=config", kind]
    found = master.run([*search, "dn"]).stdout.decode()
    (line,) = [line for line in found.splitlines() if line.startswith("dn:")]
    enabled = "off" if so else "on"
    modify(master, f"{line}\nchangetype: modify\nreplace: nsds5ReplicaEnabled\nnsds5ReplicaEnabled: {enabled}\n")


def write(master: Host, text: str) -> None:
    modify(master, f"dn: {SUFFIX}\nchangetype: modify\nreplace: description\ndescription: {text}\n")


def lag(seen: RealmLook, supplier: str, consumer: str) -> float | None:
    assert seen.health is not None
    ways = [one for one in seen.health["agreements"] if (one["supplier"], one["consumer"]) == (supplier, consumer)]
    return ways[0]["lag"]  # type: ignore[no-any-return]


def in_step(supplier: str, consumer: str) -> None:
    """Within half a minute, the consumer has everything."""
    give_up = time.monotonic() + 30
    while lag(look(), supplier, consumer) != 0:
        assert time.monotonic() < give_up
        time.sleep(0.5)


def test_a_realm_with_its_replica(portal: Portal, hosts: Lab) -> None:
    portal.register()
    replica = hosts.host(NAME)
    addresses = [str(replica.address), str(replica.address6)]
    run = portal.install(ip_addresses=addresses, setup_ca=True, setup_dns=True, no_forwarders=True)
    assert run.state == RunState.SUCCEEDED, run.error

    seen = look()
    assert (seen.error, seen.health is not None) == ("", True)
    servers = by_name(seen)
    assert {name: set(server["roles"]) for name, server in servers.items()} == dict.fromkeys(
        (hosts.master.name, NAME), {"CA", "DNS"}
    )
    assert not any(server["problem"] for server in servers.values())
    assert seen.health is not None
    ways = {(one["supplier"], one["consumer"]): one for one in seen.health["agreements"]}
    assert set(ways) == {(hosts.master.name, NAME), (NAME, hosts.master.name)}
    assert all((one["problem"], one["lag"]) == ("", 0) for one in ways.values()), ways
    assert len(seen.health["certificates"]) == 5
    assert min(one["days"] for one in seen.health["certificates"]) > 300
    assert seen.health["bundles"] == []
    assert missing(seen) == []
    assert {row["host"] for row in seen.dns} == {hosts.master.name, NAME}
    assert all(len(row["servers"]) == 2 for row in seen.dns)

    held(hosts.master, True)
    write(hosts.master, "the first change that is held")
    time.sleep(2.2)
    write(hosts.master, "the second one")
    assert (lag(look(), hosts.master.name, NAME) or 0) >= 2
    assert lag(look(), NAME, hosts.master.name) == 0
    held(hosts.master, False)
    in_step(hosts.master.name, NAME)

    delete(hosts.master, RECORD)
    hosts.master.run(["touch", "/var/lib/ipa/replica-info-old.example.com.gpg"])
    replica.run(["systemctl", "stop", "dirsrv@EXAMPLE-COM"])
    seen = look()
    assert seen.health is not None
    assert "cannot be reached" in by_name(seen)[NAME]["problem"]
    assert by_name(seen)[hosts.master.name]["problem"] == ""
    towards = next(one for one in seen.health["agreements"] if one["consumer"] == NAME)
    assert towards["lag"] is None
    assert towards["problem"]
    assert [record.split()[0] for record in missing(seen)] == ["_ldap._tcp.example.com."]
    assert seen.health["bundles"] == [f"{hosts.master.name}: /var/lib/ipa/replica-info-old.example.com.gpg"]

    replica.run(["systemctl", "start", "dirsrv@EXAMPLE-COM"])
    portal.register(hostname=NAME, ssh_address=str(replica.address), fingerprint=replica.fingerprint)
    replica.run(["touch", "/var/lib/ipa/replica-info-left.example.com.gpg"])
    hosts.master.run(["systemctl", "stop", "dirsrv@EXAMPLE-COM"])
    seen = look()
    assert seen.error == "", "the second master is asked"
    assert seen.health is not None
    assert seen.health["bundles"] == [
        f"{hosts.master.name}: /var/lib/ipa/replica-info-old.example.com.gpg",
        f"{NAME}: /var/lib/ipa/replica-info-left.example.com.gpg",
    ]
    assert "cannot be reached" in by_name(seen)[hosts.master.name]["problem"]
    assert by_name(seen)[NAME]["problem"] == ""

    replica.run(["systemctl", "stop", "dirsrv@EXAMPLE-COM"])
    uses = AuditEvent.objects.filter(verb="credential:use", reason=f"A look at {Realm.objects.get()}")
    before = uses.count()
    again = look()
    assert hosts.master.name in again.error
    assert again.remedy
    assert again.health == seen.health, "what was seen before stays"
    assert uses.count() == before + 1, "one password for each look"

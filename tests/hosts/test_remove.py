"""Removing replicas on real hosts: what is refused, chains of replicas, and a machine that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab import Host, Lab
from replicas.actions.resubmit import resubmit
from replicas.actions.undo import remove, undo
from replicas.audit import chain
from replicas.choices import BundleState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.models import Bundle, Master, Replica, Run
from tests.hosts.census import LDAPI, SUFFIX, census, difference, in_directory
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
FIRST, SECOND = "ipareplica.example.com", "ipareplica2.example.com"


def options(host: Host, **more: Any) -> dict[str, Any]:
    return {"ip_addresses": [str(host.address), str(host.address6)], **more}


def succeeded(portal: Portal, run: Run) -> Run:
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}\n{portal.log(run)}"
    return run


def removal(portal: Portal, name: str, reason: str = "no longer needed", host_gone_reason: str = "") -> Run:
    plan = remove(portal.operator, Replica.objects.get(hostname=name), reason, host_gone_reason)
    return portal.work(portal.approve(plan))


def refused(portal: Portal, name: str, *words: str) -> None:
    """The run ends before it changes anything, says why, and the replica serves as before."""
    run = removal(portal, name)
    assert run.state == RunState.FAILED, portal.log(run)
    for word in words:
        assert word in f"{run.error} {run.remedy}"
    assert Replica.objects.get(hostname=name).state == ReplicaState.VERIFIED


@contextmanager
def without(host: Host, server: str, service: str) -> Iterator[None]:
    """As long as it lasts, that server does not have the service."""
    dn = f"cn={service},cn={server},cn=masters,cn=ipa,cn=etc,{SUFFIX}"
    describe(host, dn, "configuredService")
    try:
        yield
    finally:
        describe(host, dn, "enabledService")


def describe(host: Host, dn: str, text: str) -> None:
    change = f"dn: {dn}\nchangetype: modify\nreplace: description\ndescription: {text}\n"
    host.run(["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", LDAPI], input=change.encode())


@contextmanager
def forgotten(name: str) -> Iterator[None]:
    """The portal's own list does not know of a replica that the realm has."""
    Replica.objects.filter(hostname=name).update(state=ReplicaState.CANCELLED)
    try:
        yield
    finally:
        Replica.objects.filter(hostname=name).update(state=ReplicaState.VERIFIED)


def test_a_chain_is_made_and_taken_apart(portal: Portal, hosts: Lab) -> None:
    first, second, master = hosts.host(FIRST), hosts.host(SECOND), hosts.master
    portal.register()
    blank = census(hosts)
    everything = options(first, setup_ca=True, setup_dns=True, no_forwarders=True)
    succeeded(portal, portal.install(FIRST, **everything))

    with without(master, master.name, "CA"):
        refused(portal, FIRST, "last certificate authority")
    with without(master, master.name, "DNS"):
        refused(portal, FIRST, "last name server")

    middle = portal.register(hostname=FIRST, ssh_address=str(first.address), fingerprint=first.fingerprint)
    alone = census(hosts)
    chosen = options(second, setup_dns=True, no_forwarders=True, master=middle)
    run = succeeded(portal, portal.install(SECOND, **chosen))
    the_second_depends_on_the_first_alone(hosts, run)

    with pytest.raises(Conflict, match=f"is the master of {SECOND}"):
        remove(portal.operator, Replica.objects.get(hostname=FIRST), "old")
    with forgotten(SECOND):
        refused(portal, FIRST, f"{SECOND} would be cut off")
        second.run(["systemctl", "stop", "dirsrv@EXAMPLE-COM"])
        refused(portal, FIRST, SECOND, "cannot be asked")
        second.run(["systemctl", "start", "dirsrv@EXAMPLE-COM"])

    succeeded(portal, removal(portal, SECOND))
    assert difference(alone, census(hosts)) == {}
    succeeded(portal, removal(portal, FIRST))
    assert difference(blank, census(hosts)) == {}
    assert set(Replica.objects.values_list("state", flat=True)) == {ReplicaState.REMOVED}
    assert not Bundle.objects.filter(state=BundleState.SEALED).exists()

    again = resubmit(portal.operator, Replica.objects.get(hostname=FIRST))
    succeeded(portal, portal.work(portal.approve(again)))
    assert chain.verify().problem == ""


def the_second_depends_on_the_first_alone(hosts: Lab, run: Run) -> None:
    first, second, master = hosts.host(FIRST), hosts.host(SECOND), hosts.master
    found = {host.name: in_directory(host) for host in hosts.hosts}
    partners = {name: sorted(sum(one["agreements"].values(), [])) for name, one in found.items()}
    assert partners == {master.name: [FIRST], FIRST: sorted([master.name, SECOND]), SECOND: [FIRST]}
    ids = {name: one["update vector"] for name, one in found.items()}
    assert ids[master.name] == ids[FIRST] == ids[SECOND]
    assert len(ids[master.name]) == 3
    # Its certificates are from the authority of its master, in that authority's own range of numbers.
    (of_first,) = [int(line.split()[0]) for line in ids[FIRST] if line.endswith(FIRST)]
    assert {int(serial, 16) >> 28 for serial in run.facts["certificate_serials"].values()} == {of_first}
    assert f'primaries {{ {master.address} key "ipa"; }}' in second.read("/etc/bind/named.conf.local")
    for server in (master, first, second):
        asked = ["dig", "+short", f"@{server.address}", "_ldap._tcp.example.com", "SRV"]
        assert len(master.run(asked).stdout.splitlines()) == 3


def test_a_replica_whose_machine_is_gone(portal: Portal, hosts: Lab) -> None:
    replica = hosts.host(FIRST)
    portal.register()
    before = census(hosts)
    succeeded(portal, portal.install(FIRST, **options(replica, setup_dns=True, no_forwarders=True)))
    there = census(hosts)
    run = removal(portal, FIRST, host_gone_reason="The machine was scrapped")
    assert run.state == RunState.FAILED
    assert f"{FIRST} is not gone" in run.error
    assert difference(there, census(hosts)) == {}
    assert Replica.objects.get().state == ReplicaState.VERIFIED
    replica.stop()

    run = removal(portal, FIRST)
    assert run.state == RunState.FAILED
    assert "gone for good" in run.remedy
    assert Replica.objects.get().state == ReplicaState.FAILED
    with pytest.raises(Conflict, match="was verified"):
        undo(portal.operator, Replica.objects.get(), "no longer needed", "The machine was scrapped")
    run = succeeded(portal, removal(portal, FIRST, host_gone_reason="The machine was scrapped"))
    assert "The machine was scrapped" in portal.log(run)
    left = {name: facts for name, facts in before.items() if name != FIRST}
    assert difference(left, census(hosts)) == {}
    assert Master.objects.count() == 1

"""A master that is lost for good: what was made from it is taken back from another server of the realm."""

from __future__ import annotations

import pytest

from lab import Host, Lab
from replicas.actions.undo import remove, ways_in
from replicas.audit import chain
from replicas.choices import ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle.job import JSON
from replicas.models import Master, Replica, Run
from tests.hosts.census import CRL, census, difference, in_directory
from tests.hosts.conftest import Portal
from tests.hosts.test_remove import FIRST, SECOND, options, removal, succeeded

pytestmark = pytest.mark.hosts


def test_a_replica_is_removed_by_another_server_than_the_lost_master(portal: Portal, hosts: Lab) -> None:
    first, second, lost = hosts.host(FIRST), hosts.host(SECOND), hosts.master
    portal.register()
    succeeded(portal, portal.install(FIRST, **options(first, setup_ca=True, setup_dns=True, no_forwarders=True)))
    made = succeeded(portal, portal.install(SECOND, **options(second, setup_ca=True)))
    other = portal.register(hostname=FIRST, ssh_address=str(first.address), fingerprint=first.fingerprint)
    replica = Replica.objects.get(hostname=SECOND)
    assert list(ways_in(replica)) == [other]
    with pytest.raises(Conflict, match="is not another server"):
        remove(portal.operator, replica, "lost", way_in=Master.objects.get(hostname=lost.name))

    lost.stop()
    run = removal(portal, SECOND)
    assert run.state == RunState.FAILED
    assert lost.name in run.error
    plan = remove(portal.operator, Replica.objects.get(hostname=SECOND), f"{lost.name} burnt down", way_in=other)
    assert plan.job["master"]["hostname"] == FIRST
    run = succeeded(portal, portal.work(portal.approve(plan)))
    log = portal.log(run)
    assert f"{lost.name}, which is worked without, was left out" in log
    assert f"Left out on {lost.name}, which is worked without" in log
    assert Replica.objects.get(hostname=SECOND).state == ReplicaState.REMOVED

    known = in_directory(first)
    assert SECOND not in str(known["update vector"])
    assert SECOND not in str(known["agreements"])
    assert serials(made) <= revoked(first)
    assert second.run(["test", "-e", "/etc/dirsrv/slapd-EXAMPLE-COM"], check=False).returncode
    assert f"Left in example.com., which only {lost.name} could change" in log
    assert chain.verify().problem == ""


def serials(run: Run) -> set[int]:
    found: JSON = run.facts["certificate_serials"]
    assert isinstance(found, dict)
    return {int(str(serial), 16) for serial in found.values()}


def revoked(host: Host) -> set[int]:
    """On the list that the server publishes."""
    shown = host.run(["openssl", "crl", "-in", CRL, "-noout", "-text"]).stdout.decode()
    lines = (line.strip() for line in shown.splitlines())
    return {int(line.partition(":")[2], 16) for line in lines if line.startswith("Serial Number:")}


def test_a_lost_master_that_was_a_replica_is_removed_after_what_was_made_from_it(portal: Portal, hosts: Lab) -> None:
    lost, second = hosts.host(FIRST), hosts.host(SECOND)
    original = portal.register()
    before = census(hosts)
    succeeded(portal, portal.install(FIRST, **options(lost, setup_ca=True, setup_dns=True, no_forwarders=True)))
    middle = portal.register(hostname=FIRST, ssh_address=str(lost.address), fingerprint=lost.fingerprint)
    chosen = options(second, setup_dns=True, no_forwarders=True, master=middle)
    made = succeeded(portal, portal.install(SECOND, **chosen))

    lost.stop()
    with pytest.raises(Conflict, match=f"is the master of {SECOND}"):
        remove(portal.operator, Replica.objects.get(hostname=FIRST), "old", "burnt down")
    plan = remove(portal.operator, Replica.objects.get(hostname=SECOND), f"{FIRST} burnt down", way_in=original)
    succeeded(portal, portal.work(portal.approve(plan)))
    assert serials(made) <= revoked(hosts.master)
    succeeded(portal, removal(portal, FIRST, host_gone_reason="burnt down"))
    left = {name: facts for name, facts in before.items() if name != FIRST}
    assert difference(left, census(hosts)) == {}

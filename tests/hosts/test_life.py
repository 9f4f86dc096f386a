"""A replica's life through the services and the engine, judged by what the daemons answer."""

from __future__ import annotations

import pytest

from lab import Host, Lab
from replicas.actions.add_records import add_records
from replicas.actions.setup_dns import setup_dns
from replicas.audit import chain
from replicas.choices import BundleState, ReplicaState, RunState
from replicas.models import AuditEvent, Bundle, Replica, Run
from tests import database
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
RECORD = f"_ldap._tcp.example.com. SRV 0 100 389 {NAME}."


def dig(asker: Host, server: Host, *question: str) -> list[str]:
    answer = asker.run(["dig", "+short", f"@{server.address}", *question]).stdout.decode()
    return sorted(answer.splitlines())


def succeeded(run: Run) -> Run:
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
    return run


def test_installed_repaired_and_given_dns(portal: Portal, hosts: Lab) -> None:
    master, replica = hosts.master, hosts.host(NAME)
    portal.register()
    run = succeeded(portal.install(NAME, ip_addresses=[str(replica.address), str(replica.address6)]))
    assert Replica.objects.get().state == ReplicaState.VERIFIED
    assert run.facts["proofs"]
    the_bundle_is_on_record(hosts, run)

    master.run(
        ["nsupdate", "-k", "/etc/bind/ipa.key"], input=f"server 127.0.0.1\nupdate delete {RECORD}\nsend\n".encode()
    )
    assert f"0 100 389 {NAME}." not in dig(replica, master, "_ldap._tcp.example.com", "SRV")
    succeeded(portal.work(portal.approve(add_records(portal.operator, Replica.objects.get()))))
    assert f"0 100 389 {NAME}." in dig(replica, master, "_ldap._tcp.example.com", "SRV")

    assert f"{NAME}." not in dig(master, master, "example.com", "NS")
    plan = setup_dns(portal.operator, Replica.objects.get(), forwarders=[str(master.address)], forward_policy="only")
    succeeded(portal.work(portal.approve(plan)))
    for server in (master, replica):
        assert f"{NAME}." in dig(master, server, "example.com", "NS")
        assert len(dig(master, server, "_kerberos._udp.example.com", "SRV")) == 2
    assert "forward only" in replica.read("/etc/bind/named.conf.options")
    assert Replica.objects.get().setup_dns

    assert chain.verify().problem == ""
    assert AuditEvent.objects.filter(verb="plan:approve", actor="approver").count() == 3
    no_password_is_stored(hosts)


def the_bundle_is_on_record(hosts: Lab, run: Run) -> None:
    """Used once, and removed from both hosts; its certificates stay good."""
    bundle = Bundle.objects.get(run=run)
    assert bundle.state == BundleState.USED
    assert bundle.removed_at
    for host in (hosts.master, hosts.host(NAME)):
        assert host.run(["test", "-e", bundle.path], check=False).returncode == 1
    issued = hosts.master.read("/var/lib/ipa/ca/index.txt")
    for serial in bundle.certificates.values():
        assert f"\t{serial}\t" in issued


def no_password_is_stored(hosts: Lab) -> None:
    """Neither password is anywhere in the database, its journal included."""
    stored = database.content()
    assert b"plan:approve" in stored
    for password in (hosts.secrets.directory_manager, hosts.secrets.admin):
        assert password.encode() not in stored
        assert password.encode().hex().encode() not in stored


def test_a_machine_with_several_names(portal: Portal, hosts: Lab) -> None:
    replica = hosts.host(NAME)
    address = [str(replica.address)]
    portal.register()
    replica.run(["hostname", "other.example.com"])
    replica.run(["tee", "--append", "/etc/hosts"], input=b"127.0.1.1 other.example.com other\n")
    run = portal.install(NAME, ip_addresses=address)
    assert run.state == RunState.FAILED
    assert "calls itself other.example.com" in run.error
    assert "allow the other name with a reason" in run.remedy

    Replica.objects.update(state=ReplicaState.CANCELLED)
    run = succeeded(portal.install(NAME, ip_addresses=address, other_host_reason="Second network card, other name"))
    assert "Second network card" in str(AuditEvent.objects.filter(verb="replica:request").latest("pk").after)
    assert run.plan.job["options"]["other_host_reason"]

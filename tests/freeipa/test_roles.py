"""What a FreeIPA server can be beside directory and KDC, in a realm that has all of it: nothing here is recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest

from lab.environment import DOMAIN
from lab.freeipa import FreeIpaLab, RolesLab
from lab.freeipa.releases import release
from lab.host import Host
from replicas.actions.add_records import add_records
from replicas.actions.later import add_agreement, add_authority, add_recovery, hide, reinitialize
from replicas.actions.setup_dns import setup_dns
from replicas.actions.undo import remove
from replicas.choices import ReplicaState
from replicas.errors import Conflict
from replicas.models import Master, RealmLook, Replica
from tests.faults.hosts import HostSite, boundaries
from tests.faults.logs import assert_whole
from tests.faults.table import Table
from tests.faults.workers import Order
from tests.freeipa.asking import assert_nothing_leads_to, suppliers, told
from tests.freeipa.conftest import require_lab, started
from tests.freeipa.test_later import SECOND, done, replica
from tests.freeipa.test_life import NAME, look, succeeded
from tests.hosts.conftest import Portal
from tests.replicas.lifecycle.processes import Workers

pytestmark = pytest.mark.freeipa
ALONE = {"no_ntp": True, "skip_mem_check": True}
NAME_SERVICE: dict[str, Any] = {"no_forwarders": True, "no_dnssec_validation": True}
LOCATION = "here"
SERVED = f"_ldap._tcp.{DOMAIN}"
ALIASED = f"_ldap._tcp.{LOCATION}._locations.{DOMAIN}"
ROLES = ("CA server", "KRA server", "DNS server", "AD trust controller")


@pytest.fixture(scope="module")
def realm() -> Iterator[FreeIpaLab]:
    require_lab()
    chosen = release()
    if not chosen.roles:
        pytest.skip(f"FreeIPA {chosen.series} with a certificate authority needs a newer Dogtag than Debian has")
    yield from started(RolesLab(f"{os.environ.get('TEST_LAB', 'test')}-roles"))


def roles(hosts: FreeIpaLab, name: str) -> dict[str, str]:
    """Status by role."""
    lines = told(hosts, "ipa", "server-role-find", f"--server={name}").splitlines()
    values = [line.partition(": ")[2] for line in lines if ": " in line]
    return {role: status for _, role, status in zip(values[::3], values[1::3], values[2::3], strict=True)}


def segments(hosts: FreeIpaLab, suffix: str) -> str:
    # That there is none ends with 1, as errors do, but is said on standard output.
    return told(hosts, "sh", "-c", f"ipa topologysegment-find {suffix} --pkey-only | grep -E 'Segment name|matched'")


def answers(host: Host, name: str, kind: str) -> set[str]:
    """What its own name server says."""
    answer = dns.query.udp(dns.message.make_query(name, kind), str(host.address), timeout=10)
    return {str(one) for rrset in answer.answer for one in rrset}


def health(portal: Portal) -> dict[str, Any]:
    seen: RealmLook = look(portal)
    assert not seen.error
    found: dict[str, Any] | None = seen.health
    assert found is not None
    return found


def assert_serves(host: Host, *servers: str) -> None:
    found = answers(host, SERVED, "SRV")
    assert found == {f"0 100 389 {name}." for name in servers}


def place_in_location(hosts: FreeIpaLab, host: Host) -> None:
    """Its name server learns of that from its own directory, when it is started anew (ipa server-mod says so)."""
    told(hosts, "ipa", "location-add", LOCATION)
    told(hosts, "ipa", "server-mod", host.name, f"--location={LOCATION}")
    deadline = time.monotonic() + 60
    while not answers(host, SERVED, "CNAME"):
        assert time.monotonic() < deadline, f"{host.name} does not know of its location"
        host.run(["systemctl", "restart", "named"])
        time.sleep(3)


def test_a_replica_is_installed_with_every_role_and_removed(
    portal: Portal, hosts: FreeIpaLab, workers: Workers, tmp_path: Path
) -> None:
    master = portal.register(backend="freeipa")
    assert (master.realm.dns, master.ca) == (True, True)
    host = hosts.host(NAME)

    run = portal.install(
        NAME,
        setup_ca=True,
        setup_kra=True,
        setup_dns=True,
        setup_adtrust=True,
        ip_addresses=[str(host.address)],
        **NAME_SERVICE,
        **ALONE,
    )
    succeeded(portal, run)
    there = roles(hosts, NAME)
    assert {role: there[role] for role in ROLES} == dict.fromkeys(ROLES, "enabled")
    assert_serves(host, master.hostname, NAME)
    assert_serves(hosts.master, master.hostname, NAME)
    assert run.facts["missing_records"] == []
    assert str(host.address) in answers(host, "ipa-ca.example.com", "A")
    assert f"{NAME}." in answers(host, "example.com", "NS")
    assert answers(hosts.master, host.address.reverse_pointer, "PTR") == {f"{NAME}."}
    seen = health(portal)
    assert [set(one["suffixes"]) for one in seen["agreements"]] == [{"domain", "ca"}] * 2

    # Its name server answers with aliases then, the other one as before.
    place_in_location(hosts, host)
    assert answers(host, SERVED, "CNAME") == {f"{ALIASED}."}
    told(hosts, "ipa", "dnsrecord-del", DOMAIN, ALIASED.removesuffix(f".{DOMAIN}"), "--del-all")
    run = done(portal, add_records(portal.operator, replica(NAME)))
    assert not run.facts["missing_records"]
    assert answers(hosts.master, ALIASED, "SRV") == {f"0 100 389 {NAME}.", f"50 100 389 {master.hostname}."}

    # What only an administrator could have made: a zone whose primary it is, and an alias.
    told(hosts, "ipa", "dnszone-add", "example.net", f"--name-server={NAME}.")
    told(hosts, "ipa", "dnsrecord-add", DOMAIN, "www", f"--cname-rec={NAME}.")
    run = portal.approve(remove(portal.operator, replica(NAME), "no longer needed"))
    inside: list[Order] = [("clean-records", 0.5), ("clean-records", 2.0), ("prove-gone", 2.0)]
    site = HostSite(portal, hosts, workers, Table(), tmp_path / "orders")
    site.work(run, [*boundaries(run), *inside], "removed")
    assert_whole(run)
    assert f"«www.example.com. 3600 IN CNAME {NAME}.» in the zone example.com. was made by somebody" in portal.log(run)
    told(hosts, "ipa", "dnsrecord-del", DOMAIN, "www", "--del-all")
    assert answers(hosts.master, ALIASED, "SRV") == {f"50 100 389 {master.hostname}."}
    told(hosts, "ipa", "location-del", LOCATION)
    assert answers(hosts.master, "example.net", "NS") == {f"{master.hostname}."}
    assert f"Authoritative nameserver: {master.hostname}." in told(hosts, "ipa", "dnszone-show", "example.net")
    told(hosts, "ipa", "dnszone-del", "example.net")
    for command in ("server-find", "host-find"):
        assert NAME not in told(hosts, "ipa", command, "--pkey-only")
    assert not suppliers(hosts, NAME)
    for suffix in ("domain", "ca"):
        assert NAME not in segments(hosts, suffix)
    assert_nothing_leads_to(hosts, host)
    assert_serves(hosts.master, master.hostname)
    assert answers(hosts.master, "ipa-ca.example.com", "A") == {str(hosts.master.address)}
    assert f"{NAME}." not in answers(hosts.master, "example.com", "NS")
    assert not answers(hosts.master, NAME, "A")
    assert not answers(hosts.master, host.address.reverse_pointer, "PTR")


def test_roles_are_added_later_and_the_second_suffix_is_joined(portal: Portal, hosts: FreeIpaLab) -> None:
    master = portal.register(backend="freeipa").hostname
    host, manager = hosts.host(NAME), {"directory_manager": hosts.secrets.directory_manager}
    succeeded(portal, portal.install(NAME, ip_addresses=[str(host.address)], **ALONE))
    there = roles(hosts, NAME)
    assert not {role for role in ROLES if there.get(role) == "enabled"}
    with pytest.raises(Conflict):
        add_recovery(portal.operator, replica(NAME), passwords=manager)

    done(portal, setup_dns(portal.operator, replica(NAME), **NAME_SERVICE))
    assert roles(hosts, NAME)["DNS server"] == "enabled"
    assert_serves(host, master, NAME)
    done(portal, add_authority(portal.operator, replica(NAME), passwords=manager))
    assert roles(hosts, NAME)["CA server"] == "enabled"
    assert NAME in segments(hosts, "ca")
    told(hosts, "ipa", "dnsrecord-del", DOMAIN, "_ldap._tcp", f"--srv-rec=0 100 389 {NAME}.")
    done(portal, add_records(portal.operator, replica(NAME)))
    for one in (host, hosts.master):
        assert_serves(one, master, NAME)
    done(portal, add_recovery(portal.operator, replica(NAME), passwords=manager))
    assert roles(hosts, NAME)["KRA server"] == "enabled"

    other = hosts.host(SECOND)
    succeeded(portal, portal.install(SECOND, setup_ca=True, ip_addresses=[str(other.address)], **ALONE))
    (suggested,) = {frozenset((one["one"], one["other"])) for one in health(portal)["suggested"]}
    assert suggested == {NAME, SECOND}
    for suffix in ("domain", "ca"):
        done(portal, add_agreement(portal.operator, replica(NAME), suffix=suffix, partner=SECOND))
    assert not health(portal)["suggested"]
    done(portal, reinitialize(portal.operator, replica(NAME), suffix="ca", partner=master))

    done(portal, hide(portal.operator, replica(NAME)))
    assert roles(hosts, NAME)["CA server"] == "hidden"
    assert_serves(hosts.master, master, SECOND)
    done(portal, remove(portal.operator, replica(SECOND), "no longer needed"))
    assert_serves(hosts.master, master)
    done(portal, remove(portal.operator, replica(NAME), "no longer needed"))
    assert not Replica.objects.exclude(state=ReplicaState.REMOVED).exists()
    for one in (host, other):
        assert_nothing_leads_to(hosts, one)
    assert_serves(hosts.master, master)
    assert Master.objects.get().realm.dns

"""What the realm's name servers can hold a replica up with, on real BIND: found before the plan, and done right."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from lab import Host, Lab
from replicas.actions.undo import remove
from replicas.choices import RunState
from replicas.lifecycle.base import Record
from replicas.lifecycle.looking import compare
from replicas.lifecycle.rating import is_missing
from replicas.models import Run
from tests.hosts.conftest import Portal
from tests.hosts.test_preflight import draft, finding, levels

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
OTHER = "192.0.2.99"
PRIMARY = 'zone "{zone}" {{ type primary; file "/var/lib/bind/{file}"; allow-update {{ key ipa; }}; {more} }};\n'
ZONE = """\
$TTL 3600
@ IN SOA {soa}. hostmaster.example.com. 1 3600 900 1209600 3600
@ IN NS ipaserver.example.com.
"""


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"


def change(host: Host, *lines: str, zone: str = "example.com") -> None:
    """Change the records of a zone, as an administrator does."""
    text = "".join(f"{line}\n" for line in ("server 127.0.0.1", f"zone {zone}", *lines, "send"))
    host.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=text.encode())


def configure(host: Host, text: str) -> None:
    """Add to the configuration of BIND, and load it."""
    host.write("/etc/bind/named.conf.local", host.read("/etc/bind/named.conf.local") + text)
    host.run(["rndc", "reconfig"])


def add_zone(host: Host, zone: str, *records: str, soa: str = "ipaserver.example.com", more: str = "") -> None:
    file = f"db.{zone.replace('/', '-')}"
    host.write(
        f"/var/lib/bind/{file}", ZONE.format(soa=soa) + "".join(f"{one}\n" for one in records), owner="bind:bind"
    )
    configure(host, PRIMARY.format(zone=zone, file=file, more=more or "allow-transfer { key ipa; };"))


def dig(host: Host, name: str, kind: str) -> list[str]:
    """What its name server answers, with its own records only."""
    argv = ["dig", "+short", "+norecurse", f"@{host.address}", name, kind]
    return host.run(argv).stdout.decode().split()


def addresses(hosts: Lab, name: str = NAME) -> list[str]:
    host = hosts.host(name)
    return [str(host.address), str(host.address6)]


def removed(portal: Portal, run: Run) -> Run:
    return portal.work(portal.approve(remove(portal.operator, run.plan.replica, "Moved away")))


@pytest.mark.parametrize("wildcard", [f"* A {OTHER}", "* CNAME web.example.com."])
def test_a_wildcard_is_not_a_record_of_the_name(portal: Portal, hosts: Lab, wildcard: str) -> None:
    master, reverse = hosts.master, hosts.host(NAME).address.reverse_pointer
    portal.register()
    name, kind, value = wildcard.split()
    change(master, f"update add web.example.com. 300 A {OTHER}", f"update add {name}.example.com. 300 {kind} {value}")
    change(
        master,
        f"update add *.{reverse.partition('.')[2]} 300 PTR generic.example.com.",
        zone=reverse.partition(".")[2],
    )
    change(master, "update add *._tcp.example.com. 300 SRV 0 100 389 ipareplica.example.com.")
    assert dig(master, NAME, "A")
    made = draft(portal)
    assert set(levels(made).values()) == {"ok"}, made.findings
    run = portal.install(ip_addresses=addresses(hosts))
    assert run.state == RunState.SUCCEEDED, run.error
    assert dig(master, NAME, "A") == [str(hosts.host(NAME).address)]
    assert dig(master, reverse, "PTR") == [f"{NAME}."]
    assert removed(portal, run).state == RunState.SUCCEEDED, portal.log(Run.objects.latest("pk"))
    assert dig(master, f"any.{NAME}", "A")[-1:] == [OTHER], "the wildcard stays"
    assert dig(master, f"x._tcp.{NAME.partition('.')[2]}", "SRV"), "the wildcard stays"


def test_a_wildcard_that_leads_in_a_circle(portal: Portal, hosts: Lab) -> None:
    """The wildcard is an alias for a name that only the wildcard itself answers for."""
    portal.register()
    change(hosts.master, "update add *.example.com. 300 CNAME web.example.com.")
    made = draft(portal)
    assert set(levels(made).values()) == {"ok"}, made.findings
    run = portal.install(ip_addresses=addresses(hosts))
    assert run.state == RunState.SUCCEEDED, run.error
    assert removed(portal, run).state == RunState.SUCCEEDED, portal.log(Run.objects.latest("pk"))


def test_only_zones_that_the_master_serves_count(portal: Portal, hosts: Lab) -> None:
    master = hosts.master
    portal.register()
    configure(
        master,
        '// zone "commented.example.net" { type primary; file "x"; };\n'
        '/* zone "commented.example.org" { type primary; file "x"; }; */\n'
        'zone "ad.example.net" { type forward; forwarders { 192.0.2.53; }; };\n'
        "zone stub.example.net { type stub; primaries { 192.0.2.53; }; };\n"
        'zone broken.example.net { type primary; file "/var/lib/bind/missing"; };\n'
        'zone foreign.example.net { type slave; masters { 192.0.2.53; }; file "/var/cache/bind/foreign"; };\n'
        'zone unquoted.example.net IN { type master; file "/var/lib/bind/db.unquoted";\n'
        "  allow-update { key ipa; }; allow-transfer { key ipa; }; };\n",
    )
    master.write("/var/lib/bind/db.unquoted", ZONE.format(soa="IPAserver.Example.COM"), owner="bind:bind")
    master.run(["rndc", "reload"])
    made = draft(portal, ip_addresses=addresses(hosts), setup_dns=True, no_forwarders=True)
    assert not made.hindered, made.findings
    assert "broken.example.net" in finding(made, "name-servers")
    run = portal.install(ip_addresses=addresses(hosts), setup_dns=True, no_forwarders=True)
    assert run.state == RunState.SUCCEEDED, portal.log(run)
    replica = hosts.host(NAME)
    assert f"{NAME}." in dig(replica, "unquoted.example.net", "NS")
    assert "ad.example.net" not in replica.read("/etc/bind/named.conf.local")
    assert removed(portal, run).state == RunState.SUCCEEDED, portal.log(Run.objects.latest("pk"))
    assert dig(master, "unquoted.example.net", "NS") == ["ipaserver.example.com."]


def test_zones_in_views(portal: Portal, hosts: Lab) -> None:
    """With views, every zone is in one; the same name may be in several."""
    master = hosts.master
    portal.register()
    local = master.read("/etc/bind/named.conf.local")
    key, _, inside = local.partition(";\n")
    master.run(["cp", "-a", "/var/lib/bind/db.example.com", "/var/lib/bind/db.outside"])
    outside = 'zone "example.com" { type primary; file "/var/lib/bind/db.outside"; };'
    master.write(
        "/etc/bind/named.conf.local",
        f"{key};\nview inside {{ match-clients {{ {hosts.network.subnet}; {hosts.network.subnet6}; localhost; }};\n"
        f'{inside}\n}};\nview "outside" IN {{ match-clients {{ any; }};\n{outside}\n}};\n',
    )
    master.write(
        "/etc/bind/named.conf", 'include "/etc/bind/named.conf.options";\ninclude "/etc/bind/named.conf.local";\n'
    )
    master.run(["systemctl", "restart", "named"])
    made = draft(portal, ip_addresses=addresses(hosts), setup_dns=True, no_forwarders=True)
    assert set(levels(made).values()) == {"ok"}, made.findings
    run = portal.install(ip_addresses=addresses(hosts), setup_dns=True, no_forwarders=True)
    assert run.state == RunState.SUCCEEDED, portal.log(run)
    assert removed(portal, run).state == RunState.SUCCEEDED, portal.log(Run.objects.latest("pk"))


def test_a_domain_that_is_not_a_zone_is_not_delegated(portal: Portal, hosts: Lab) -> None:
    """The realm's domain is a part of a zone, from whose name servers an NS record there would take it away."""
    master = hosts.master
    kerberos = master.read("/etc/krb5.conf").replace("default_domain = example.com", "default_domain = lab.example.com")
    master.write("/etc/krb5.conf", kerberos)
    assert portal.register().realm.domain == "lab.example.com"
    made = draft(portal, ip_addresses=addresses(hosts), setup_dns=True, no_forwarders=True)
    assert set(levels(made).values()) == {"ok"}, made.findings
    run = portal.install(ip_addresses=addresses(hosts), setup_dns=True, no_forwarders=True)
    assert run.state == RunState.SUCCEEDED, portal.log(run)
    assert run.facts["missing_records"] == []
    assert dig(master, "lab.example.com", "NS") == []
    assert sorted(dig(master, "example.com", "NS")) == [f"{NAME}.", "ipaserver.example.com."]
    assert dig(master, "_ldap._tcp.lab.example.com", "SRV")
    (row,) = asyncio.run(compare((str(master.address),), [(NAME, Record("lab.example.com.", "NS", f"{NAME}."))]))
    assert row["record"].startswith("example.com. ")
    assert not is_missing(row), row
    assert removed(portal, run).state == RunState.SUCCEEDED, portal.log(Run.objects.latest("pk"))
    assert dig(master, "example.com", "NS") == ["ipaserver.example.com."]
    assert not dig(master, "_ldap._tcp.lab.example.com", "SRV")


@pytest.mark.parametrize(
    ("alias", "target"),
    [
        ("CNAME ipaserver.example.com.", "ipaserver.example.com"),
        ("CNAME gone.example.com.", "gone.example.com"),
        ("CNAME www.example.net.", "www.example.net"),
    ],
)
def test_a_name_that_is_an_alias_is_refused(portal: Portal, hosts: Lab, alias: str, target: str) -> None:
    portal.register()
    change(hosts.master, f"update add {NAME}. 300 {alias}")
    for given in ([], addresses(hosts)):
        made = draft(portal, ip_addresses=given)
        assert made.hindered
        assert finding(made, "alias").startswith(f"error: {NAME} is an alias for {target} ("), made.findings
        assert "Remove" not in str(made.findings)


def test_a_name_below_a_dname_is_an_alias(portal: Portal, hosts: Lab) -> None:
    portal.register()
    change(hosts.master, "update add branch.example.com. 300 DNAME office.example.com.")
    made = draft(portal, hostname="ipareplica.branch.example.com", ip_addresses=addresses(hosts))
    assert "ipareplica.branch.example.com is an alias for ipareplica.office.example.com" in finding(made, "alias")


def test_a_classless_delegation_is_followed(portal: Portal, hosts: Lab) -> None:
    master, host = hosts.master, hosts.host(NAME)
    portal.register()
    zone = host.address.reverse_pointer.partition(".")[2]
    child = f"0/26.{zone}"
    last = host.address.reverse_pointer.partition(".")[0]
    add_zone(master, child)
    change(
        master,
        f"update add {child}. 300 NS ipaserver.example.com.",
        f"update add {last}.{zone}. 300 CNAME {last}.{child}.",
        zone=zone,
    )
    made = draft(portal, ip_addresses=[str(host.address)], setup_dns=True, no_forwarders=True)
    assert set(levels(made).values()) == {"ok"}, made.findings
    run = portal.install(ip_addresses=[str(host.address)], setup_dns=True, no_forwarders=True)
    assert run.state == RunState.SUCCEEDED, portal.log(run)
    assert dig(master, f"{last}.{child}", "PTR") == [f"{NAME}."]
    assert f"Using reverse zone {child}." in portal.log(run)
    pointer = Record(f"{last}.{zone}.", "PTR", f"{NAME}.")
    (row,) = asyncio.run(compare((str(master.address),), [(NAME, pointer)]))
    assert not is_missing(row), row
    assert removed(portal, run).state == RunState.SUCCEEDED, portal.log(Run.objects.latest("pk"))
    assert dig(master, f"{last}.{child}", "PTR") == []
    assert dig(master, f"{last}.{zone}", "CNAME") == [f"{last}.{child}."], "the alias stays"


@pytest.mark.parametrize(
    ("target", "words"),
    [("{last}.0-63.{zone}.example.net.", "in a zone that the name server"), ("{last}.{zone}.", "leads back to itself")],
)
def test_an_alias_that_leads_out_of_the_realm(portal: Portal, hosts: Lab, target: str, words: str) -> None:
    host = hosts.host(NAME)
    portal.register()
    last, _, zone = host.address.reverse_pointer.partition(".")
    change(hosts.master, f"update add {last}.{zone}. 300 CNAME {target.format(last=last, zone=zone)}", zone=zone)
    made = draft(portal, ip_addresses=[str(host.address)])
    found = finding(made, "zones")
    assert found.startswith("error: ")
    assert words in found
    assert "No reverse zone" in found
    made = draft(portal, ip_addresses=[str(host.address)], no_reverse=True)
    assert finding(made, "zones").startswith("ok: ")


def test_the_reverse_name_is_checked_on_the_replica(portal: Portal, hosts: Lab) -> None:
    """The PTR record is in a zone elsewhere, and the request has no addresses."""
    master, host = hosts.master, hosts.host(NAME)
    portal.register()
    pointer = host.address.reverse_pointer
    host.run(["sed", "-i", f"/{NAME}/d", "/etc/hosts"])
    change(master, f"update add {NAME}. 300 A {host.address}")
    change(master, f"update add {pointer}. 300 PTR printer.example.net.", zone=pointer.partition(".")[2])
    made = draft(portal, ip_addresses=[])
    found = finding(made, "reverse")
    assert found.startswith("warning: "), made.findings
    assert f"{host.address} resolves back to printer.example.net, not to {NAME}" in found
    assert "Remove" not in found
    assert not made.hindered


def test_dead_secondaries_stop_nothing(portal: Portal, hosts: Lab) -> None:
    """One has no address, one does not answer, one serves something else."""
    master, lame = hosts.master, hosts.hosts[2]
    portal.register()
    change(
        master,
        "update add ns1.example.com. 300 A 192.0.2.54",
        f"update add ns2.example.com. 300 A {lame.address}",
        *(f"update add example.com. 300 NS {name}" for name in ("ns1.example.com.", "ns2.example.com.", "ns.invalid.")),
    )
    lame.run(["systemctl", "start", "named"])
    made = draft(portal, ip_addresses=addresses(hosts))
    found = finding(made, "name-servers")
    assert found.startswith("warning: "), made.findings
    for name in ("ns1.example.com cannot be asked", "ns2.example.com ", "ns.invalid has no address"):
        assert name in found
    assert not made.hindered, made.findings
    run = portal.install(ip_addresses=addresses(hosts), setup_dns=True, no_forwarders=True)
    assert run.state == RunState.SUCCEEDED, portal.log(run)
    assert run.facts["missing_records"] == []
    run = removed(portal, run)
    assert run.state == RunState.SUCCEEDED, portal.log(run)
    assert "could not be asked" in portal.log(run)


def test_a_secondary_that_is_out_of_date_stops_nothing(portal: Portal, hosts: Lab, monkeypatch: Any) -> None:
    monkeypatch.setattr("replicas.lifecycle.steps.dns_records.SERVED_SECONDS", 2.0)
    master, stale = hosts.master, hosts.hosts[2]
    portal.register()
    stale.write(
        "/var/lib/bind/db.example.com",
        ZONE.format(soa="ipaserver.example.com").replace(". 1 ", ". 0 ") + f"ipaserver A {master.address}\n",
        owner="bind:bind",
    )
    old = 'zone "example.com" { type primary; file "/var/lib/bind/db.example.com"; };\n'
    stale.write("/etc/bind/named.conf.local", old)
    stale.run(["systemctl", "start", "named"])
    change(
        master, f"update add ns2.example.com. 300 A {stale.address}", "update add example.com. 300 NS ns2.example.com."
    )
    made = draft(portal, ip_addresses=addresses(hosts))
    assert "ns2.example.com is out of date" in finding(made, "name-servers")
    run = portal.install(ip_addresses=addresses(hosts))
    assert run.state == RunState.SUCCEEDED, portal.log(run)
    assert run.facts["missing_records"] == [], "the zone has them: there is nothing to add"
    assert "out of date" in portal.log(run)


def test_a_dead_primary_is_an_error_before(portal: Portal, hosts: Lab) -> None:
    """The master has copies of zones whose primary name server is away."""
    master = hosts.master
    portal.register()
    local = master.read("/etc/bind/named.conf.local")
    copy = "primaries { 192.0.2.54; }; masterfile-format text; //"
    copies = local.replace("type primary", "type secondary").replace("allow-update", copy)
    change(master, "update add ns1.example.com. 300 A 192.0.2.54")
    change(
        master,
        "update delete example.com. SOA",
        "update add example.com. 3600 SOA ns1.example.com. hostmaster.example.com. 9999 3600 900 1209600 3600",
    )
    master.run(["rndc", "sync", "-clean"])
    master.write("/etc/bind/named.conf.local", copies)
    master.run(["systemctl", "restart", "named"])
    made = draft(portal, ip_addresses=addresses(hosts))
    assert made.hindered
    found = finding(made, "zones")
    assert found.startswith("error: The zone example.com. cannot be changed: "), found
    assert "192.0.2.54" in found


def test_a_hidden_primary_is_found_by_asking(portal: Portal, hosts: Lab) -> None:
    """The SOA record names a server that does not exist; the master takes the changes."""
    master = hosts.master
    portal.register()
    change(
        master,
        "update add example.com. 3600 SOA ns.invalid. hostmaster.example.com. 9999 3600 900 1209600 3600",
    )
    made = draft(portal, ip_addresses=addresses(hosts))
    assert set(levels(made).values()) == {"ok"}, made.findings


@pytest.mark.parametrize("server", ["ns.example.net.", "ipaserver.example.com."])
def test_a_delegation_is_found_before(portal: Portal, hosts: Lab, server: str) -> None:
    portal.register()
    change(hosts.master, f"update add branch.example.com. 300 NS {server}")
    made = draft(portal, hostname="ipareplica.branch.example.com", ip_addresses=addresses(hosts))
    found = finding(made, "zones")
    assert found.startswith("error: ipareplica.branch.example.com is in branch.example.com, which the realm's DNS "), (
        found
    )
    assert server.rstrip(".") in found
    assert made.hindered
    assert "delegates" not in finding(made, "name-servers"), "once is enough"
    made = draft(portal, hostname="ipareplica.branch.example.com", ip_addresses=[])
    assert "have the records added there" in finding(made, "resolvable")


def test_a_delegated_reverse_zone_is_found_before(portal: Portal, hosts: Lab) -> None:
    master, host = hosts.master, hosts.host(NAME)
    portal.register()
    pointer = host.address6.reverse_pointer
    zone = pointer.split(".", 16)[16]
    cut = pointer.split(".", 3)[3]
    change(master, f"update add {cut}. 300 NS ns.example.net.", zone=zone)
    made = draft(portal, ip_addresses=addresses(hosts))
    found = finding(made, "zones")
    assert f"{pointer} is in {cut}, which the realm's DNS delegates to ns.example.net." in found
    assert "No reverse zone" in found


def test_forwarders_that_make_a_loop(portal: Portal, hosts: Lab) -> None:
    portal.register()
    master = hosts.master
    for forwarder in (str(master.address), str(master.address6)):
        made = draft(portal, setup_dns=True, forwarders=[forwarder])
        found = finding(made, "forwarder-loops")
        assert found.startswith("warning: "), made.findings
        assert f"{forwarder} is ipaserver.example.com" in found
    made = draft(portal, ip_addresses=[], setup_dns=True, forwarders=[str(hosts.host(NAME).address6)])
    assert f"{hosts.host(NAME).address6} is {NAME}" in finding(made, "forwarder-loops")
    made = draft(portal, setup_dns=True, forwarders=["192.0.2.53"])
    assert finding(made, "forwarder-loops").startswith("ok: ")

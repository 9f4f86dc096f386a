"""Zones as administrators make them: copied files, local zones, name servers that nobody can ask; on a real BIND."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from lab import Host, Lab
from replicas.backends.native import dns_checks, zone_files
from replicas.backends.native import zones as native
from replicas.clients import dns, dns_update, ssh
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Record
from replicas.lifecycle.looking import compare
from replicas.lifecycle.rating import is_missing
from replicas.lifecycle.steps import name_servers
from replicas.lifecycle.steps.dns_records import AddRecords
from replicas.lifecycle.steps.zones import place
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
Make = Callable[..., KeptContext]
NAME = "ipareplica.example.com."
FILE = """\
$TTL 3600
@ IN SOA {soa} hostmaster.example.com. 1 3600 900 1209600 3600
"""
TRANSFER_NONE = "allow-transfer { none; }"
OPTIONS = "allow-update { key ipa; }; allow-transfer { key ipa; };"
COPIED, LOST, HALF = "9.9.10.in-addr.arpa.", "8.9.10.in-addr.arpa.", "7.9.10.in-addr.arpa."
ODD = "odd.example.net."


def add_zone(host: Host, zone: str, *servers: str, soa: str = "ipaserver.example.com.") -> str:
    """Write the file of a zone, and return its statement."""
    path = f"/var/lib/bind/db.{zone.rstrip('.')}"
    host.write(path, FILE.format(soa=soa) + "".join(f"@ NS {name}\n" for name in servers), owner="bind:bind")
    return f'zone "{zone}" {{ type primary; file "{path}"; {OPTIONS} }};\n'


def reconfigure(host: Host, *zones: str) -> None:
    """Let BIND read its configuration anew, and wait until it has loaded the zones, which rndc does not."""
    host.run(["rndc", "reconfig"])
    for zone in zones:
        loaded = f"until dig +short @127.0.0.1 {zone} SOA | grep -q .; do sleep 0.05; done"
        host.run(["sh", "-c", loaded], timeout=60)


@pytest.fixture(scope="module", autouse=True)
def master_with_zones(lab: Lab) -> Iterator[Host]:
    """The master with zones whose files began as those that Debian delivers, and these themselves."""
    host = lab.master
    statements = [
        add_zone(host, COPIED, "localhost.", soa="localhost."),
        add_zone(host, LOST, "ns.invalid."),
        add_zone(host, HALF, "ipaserver.example.com.", soa="localhost."),
        add_zone(host, ODD, "ipaserver.example.com.", "alias.example.com.", "own.example.com.", "."),
        'include "/etc/bind/zones.rfc1918";\n',
    ]
    local = "/etc/bind/named.conf.local"
    host.write(local, host.read(local) + "".join(statements))
    reconfigure(host, COPIED, LOST, HALF, ODD)
    lines = ("alias.example.com. 300 CNAME ipaserver.example.com.", "own.example.com. 300 A 127.0.0.1")
    text = "".join(f"update add {line}\n" for line in lines)
    text = f"server 127.0.0.1\nzone example.com\n{text}send\n"
    host.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=text.encode())
    yield host
    lab.reset(host)


@pytest.fixture
async def key(master: ssh.Host) -> dns_update.Key:
    return dns_update.parse_key((await master.read("/etc/bind/ipa.key")).decode())


@pytest.mark.parametrize("zone", [COPIED, LOST, HALF])
async def test_a_zone_without_a_name_server_that_can_be_asked(lab: Lab, context: Make, zone: str) -> None:
    """Its NS records name the local host or nobody; the primary name server has the record."""
    start, ctx, step = time.monotonic(), context(), AddRecords((Record(f"5.{zone}", "PTR", NAME),))
    await step.run(ctx)
    assert time.monotonic() - start < 20, "nobody is waited for"
    assert await step.done(ctx)
    assert [one.value for one in await dns.stored(str(lab.master.address), f"5.{zone}", "PTR")] == [NAME]
    assert "Served by" in ctx.text
    pointer = Record(f"5.{zone}", "PTR", NAME)
    (row,) = await compare((str(lab.master.address),), [(NAME, pointer)])
    assert not is_missing(row), row
    await step.undo_realm(ctx)
    assert await dns.stored(str(lab.master.address), f"5.{zone}", "PTR") == ()
    (row,) = await compare((str(lab.master.address),), [(NAME, pointer)])
    assert is_missing(row), row


async def test_zones_that_clients_use_are_shared_whatever_their_file_was_copied_from(
    context: Make, key: dns_update.Key
) -> None:
    found = await native.shared(context(), key, ["example.com"])
    assert {COPIED, LOST, HALF, ODD, "example.com."} <= set(found.zones)
    assert not [zone for zone in (*found.zones, *found.skipped) if zone in ("127.in-addr.arpa.", "10.in-addr.arpa.")]
    assert "168.192.in-addr.arpa." not in await native.of_master(context())
    assert HALF in await native.of_master(context())


async def test_an_empty_zone_for_private_addresses_holds_no_records(lab: Lab, key: dns_update.Key) -> None:
    pointer = Record(dns.reverse_name("172.20.1.1"), "PTR", NAME)
    with pytest.raises(DnsError, match=r"has no reverse zone for 1\.1\.20\.172\.in-addr\.arpa") as caught:
        await place(str(lab.master.address), (pointer,), key=key)
    assert "No reverse zone" in caught.value.remedy


async def test_a_reverse_zone_that_cannot_be_changed_can_be_left_out(lab: Lab, key: dns_update.Key) -> None:
    other = dns_update.Key("other", key.algorithm, key.secret)
    with pytest.raises(DnsError, match="cannot be changed") as caught:
        await place(str(lab.master.address), (Record(f"5.{HALF}", "PTR", NAME),), key=other)
    assert 'Select "No reverse zone"' in caught.value.remedy


async def test_name_servers_that_resolvers_do_not_ask(lab: Lab) -> None:
    (one,) = await place(str(lab.master.address), (Record(ODD, "NS", NAME),))
    with pytest.raises(StepError) as caught:
        await name_servers.require_alive([one.zone])
    message = caught.value.message
    assert "alias.example.com is an alias for ipaserver.example.com (CNAME)" in message
    assert "own.example.com has no address in the realm's DNS that clients can use" in message
    assert " . has no address" in message
    assert "127.0.0.1" not in message, "that is the portal's own machine"


async def test_a_journal_that_cannot_be_written(lab: Lab, context: Make, key: dns_update.Key) -> None:
    """The name server agrees to an update that changes nothing, and fails with one that does."""
    master, zone = lab.master, "unwritable.example.net"
    master.run(["install", "--directory", "--mode", "755", "/srv/zones"])
    master.write(f"/srv/zones/{zone}", FILE.format(soa="ipaserver.example.com.") + "@ NS ipaserver.example.com.\n")
    local = "/etc/bind/named.conf.local"
    statement = f'zone "{zone}" {{ type primary; file "/srv/zones/{zone}"; {OPTIONS} }};\n'
    master.write(local, master.read(local) + statement)
    reconfigure(master, zone)
    ctx = context()
    (one,) = await place(str(master.address), (Record(f"new.{zone}.", "A", "192.0.2.5"),), key=key)
    with pytest.raises(StepError, match="runs as bind and cannot write /srv/zones: ") as caught:
        await zone_files.require_writable(ctx, [one.zone.name, "example.com."])
    assert "Let bind write there" in caught.value.remedy
    with pytest.raises(DnsError, match="SERVFAIL") as refused:
        await dns_update.add(one.zone.primary, one.zone.name, one.record, key)
    assert "cannot write the zone" in refused.value.remedy
    await zone_files.require_writable(ctx, ["example.com."])
    master.run(["chown", "bind", "/srv/zones"])
    await zone_files.require_writable(ctx, [one.zone.name])
    assert await dns_update.add(one.zone.primary, one.zone.name, one.record, key)


async def test_a_zone_that_cannot_be_transferred(lab: Lab, context: Make, key: dns_update.Key) -> None:
    master, zone = lab.master, "kept.example.net"
    local = "/etc/bind/named.conf.local"
    statement = add_zone(master, zone, "ipaserver.example.com.").replace("allow-transfer { key ipa; }", TRANSFER_NONE)
    master.write(local, master.read(local) + statement)
    reconfigure(master, zone)
    assert await dns_update.transfers(str(master.address), "example.com.", key)
    with pytest.raises(StepError, match=r"refuse to transfer zones with the key ipa: kept\.example\.net \(") as caught:
        await dns_checks.alive(context(setup_dns=True))
    assert "allow-transfer { key ipa; };" in caught.value.remedy
    master.write(local, master.read(local).replace(TRANSFER_NONE, "allow-transfer { key ipa; }"))
    reconfigure(master, zone)
    assert await dns_update.transfers(str(master.address), f"{zone}.", key)


async def test_a_chain_of_aliases_without_an_end(lab: Lab) -> None:
    master = lab.master
    lines = [f"update add {n}.{HALF} 300 CNAME {n + 1}.{HALF}" for n in range(10, 40)]
    text = "\n".join(["server 127.0.0.1", f"zone {HALF}", *lines, "send", ""])
    master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=text.encode())
    with pytest.raises(DnsError, match="more than 16 aliases follow each other"):
        await place(str(master.address), (Record(f"10.{HALF}", "PTR", NAME),))
    (one,) = await place(str(master.address), (Record(f"30.{HALF}", "PTR", NAME),))
    assert one.record.name == f"40.{HALF}"

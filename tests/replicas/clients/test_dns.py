"""Lookups and signed updates at a real name server."""

from __future__ import annotations

import pytest

from lab import Lab
from replicas.clients import dns, dns_update, ssh
from replicas.errors import DnsError
from replicas.lifecycle.base import Record

ZONE = "example.com."
ONE = Record("portal-test.example.com.", "A", "10.0.0.1")
TWO = Record("portal-test.example.com.", "A", "10.0.0.2")
SRV = Record("_ldap._tcp.example.com.", "SRV", "0 100 389 portal-test.example.com.")


@pytest.fixture
async def key(master: ssh.Host) -> dns_update.Key:
    return dns_update.parse_key((await master.read("/etc/bind/ipa.key")).decode())


def test_records_are_compared_in_one_form() -> None:
    assert dns.same(Record("A.Example.com", "AAAA", "FD00::0:1"), Record("a.example.com.", "AAAA", "fd00::1"))
    assert dns.same(
        Record("_x.a.", "SRV", "0  100 389 Host.Example.COM."), Record("_x.a.", "srv", "0 100 389 host.example.com.")
    )
    assert dns.same(Record("a.", "TXT", "EXAMPLE.COM"), Record("a.", "TXT", '"EXAMPLE.COM"'))
    assert not dns.same(Record("a.", "TXT", '"example.com"'), Record("a.", "TXT", '"EXAMPLE.COM"'))
    assert not dns.same(SRV, Record(SRV.name, "SRV", "1 100 389 portal-test.example.com."))
    assert dns.reverse_name("10.0.0.1") == "1.0.0.10.in-addr.arpa."
    with pytest.raises(DnsError, match="is not a DNS record"):
        dns.normalise(Record("a.", "A", "x"))
    with pytest.raises(DnsError, match="not an IP address"):
        dns.reverse_name("x")


def test_key_stays_secret() -> None:
    key = dns_update.parse_key('key "ipa" {\n\talgorithm hmac-sha256;\n\tsecret "c2VjcmV0";\n};')
    assert (key.name, key.algorithm, key.secret) == ("ipa", "hmac-sha256", "c2VjcmV0")
    assert "c2Vj" not in repr(key)
    with pytest.raises(DnsError) as caught:
        dns_update.parse_key('secret "c2VjcmV0";')
    assert "c2Vj" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["hmac-md5", "HMAC-SHA1", "hmac-sha256.", "hmac-sha384-192", "hmac-sha512"])
async def test_keys_of_every_algorithm_can_sign(algorithm: str) -> None:
    key = dns_update.parse_key(f'key "ipa" {{ algorithm {algorithm}; secret "c2VjcmV0"; }};')
    with pytest.raises(DnsError, match="failed"):
        await dns_update.accepts("127.0.0.1", ZONE, key)  # Nobody listens there.


@pytest.mark.parametrize(
    ("name", "algorithm", "secret", "words"),
    [
        ("ipa", "hmac-sha1-80", "c2VjcmV0", "is for hmac-sha1-80, which the portal does not support"),
        ("ipa", "gss-tsig", "c2VjcmV0", "is for gss-tsig"),
        ("a..b", "hmac-sha256", "c2VjcmV0", "is not a name of a TSIG key"),
        ("ipa", "hmac-sha256", "c2VjcmV0c", "is not valid base64"),
    ],
)
async def test_keys_that_cannot_sign(name: str, algorithm: str, secret: str, words: str) -> None:
    with pytest.raises(DnsError, match=words) as caught:
        await dns_update.accepts("127.0.0.1", ZONE, dns_update.Key(name, algorithm, secret))
    assert secret not in str(caught.value)


@pytest.mark.hosts
async def test_zones(lab: Lab) -> None:
    server, replica = str(lab.master.address), lab.hosts[1]
    for name, zone in (
        ("ipareplica.example.com", ZONE),
        ("example.com", ZONE),
        (dns.reverse_name(str(replica.address)), dns.reverse_name(str(replica.address)).partition(".")[2]),
        (dns.reverse_name("10.99.0.1"), None),  # BIND has an empty zone of its own for it
        (dns.reverse_name("8.8.8.8"), None),
        ("www.example.org", None),
    ):
        assert await dns.zone_of(server, name) == zone
    servers = await dns.name_servers(server, ZONE)
    assert servers == (dns.NameServer("ipaserver.example.com.", (server, str(lab.master.address6))),)
    with pytest.raises(DnsError, match="does not answer"):
        await dns.lookup(str(replica.address), ZONE, "NS")


@pytest.mark.hosts
async def test_aliases_that_lead_nowhere(lab: Lab) -> None:
    """The server answers NXDOMAIN for the target of an alias, and SERVFAIL for aliases in a circle."""
    server = str(lab.master.address)
    aliases = {
        "*.dangling": "missing.example.com.",
        "*.circle": "any.circle.example.com.",
        "one": "other.example.com.",
        "other": "one.example.com.",
        "end": "any.dangling.example.com.",
    }
    lines = [f"update add {name}.example.com. 300 CNAME {target}" for name, target in aliases.items()]
    text = "\n".join(["server 127.0.0.1", "zone example.com", *lines, "send", ""])
    lab.master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=text.encode())
    try:
        for name in ("replica.dangling.example.com.", "replica.circle.example.com.", "a.b.circle.example.com."):
            assert await dns.locate(server, name) == dns.Location(name, ZONE), "a wildcard is not an alias"
            assert await dns.stored(server, name, "A") == ()
            (gone,) = await dns.absent([dns.NameServer("ns.", (server,))], [Record(name, "A", "10.0.0.1")])
            assert not gone.cause
        for name in ("one", "end"):
            alias = (await dns.locate(server, f"{name}.example.com.")).alias
            assert alias is not None
            assert alias.target == aliases[name]
            assert await dns.stored(server, f"{name}.example.com.", "A") == ()
    finally:
        lines = [f"update delete {name}.example.com. CNAME" for name in aliases]
        text = "\n".join(["server 127.0.0.1", "zone example.com", *lines, "send", ""])
        lab.master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=text.encode())


@pytest.mark.hosts
async def test_updates(lab: Lab, key: dns_update.Key) -> None:
    server = str(lab.master.address)
    servers = await dns.name_servers(server, ZONE)
    for record in (ONE, TWO, SRV):
        await dns_update.remove(server, ZONE, record, key)
    assert [one.record for one in await dns.absent(servers, [ONE, SRV])] == [ONE, SRV]
    assert await dns_update.add(server, ZONE, ONE, key)
    assert not await dns_update.add(server, ZONE, ONE, key)
    await dns.wait_until_served(servers, ONE)
    with pytest.raises(DnsError, match=r"«10\.0\.0\.1» is there, «10\.0\.0\.2» is wanted"):
        await dns_update.add(server, ZONE, TWO, key)
    assert await dns_update.add(server, ZONE, TWO, key, expected=(ONE,))
    assert [record.value for record in await dns.lookup(server, ONE.name, "A")] == ["10.0.0.1", "10.0.0.2"]
    assert await dns_update.add(server, ZONE, SRV, key)
    assert len(await dns.lookup(server, SRV.name, "SRV")) == 2
    with pytest.raises(DnsError, match="another SRV record"):
        await dns_update.add(server, ZONE, Record(SRV.name, "SRV", SRV.value.replace("100", "5")), key)
    for record in (ONE, TWO, SRV):
        assert await dns_update.remove(server, ZONE, record, key)
        assert not await dns_update.remove(server, ZONE, record, key)
    with pytest.raises(DnsError, match="do not serve"):
        await dns.wait_until_served(servers, ONE, timeout=0.3)


@pytest.mark.hosts
async def test_update_refusals(lab: Lab, key: dns_update.Key) -> None:
    server = str(lab.master.address)
    for wrong in (
        dns_update.Key("ipa", key.algorithm, "AAAA" + key.secret[4:]),
        dns_update.Key("x", key.algorithm, key.secret),
    ):
        with pytest.raises(DnsError, match="does not accept the TSIG key") as caught:
            await dns_update.add(server, ZONE, ONE, wrong)
        assert wrong.secret not in str(caught.value)
    with pytest.raises(DnsError, match="NOTAUTH"):
        await dns_update.add(server, "example.org.", Record("x.example.org.", "A", "10.0.0.1"), key)
    assert await dns.lookup(server, ONE.name, "A") == ()

"""Records of a replica: added, refused, waited for, verified, and taken back, at a real name server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lab import Lab
from replicas.clients import dns, dns_update, ssh
from replicas.errors import DnsError
from replicas.lifecycle.base import Record
from replicas.lifecycle.steps.dns_records import AddMissingRecords, AddRecords
from replicas.lifecycle.steps.verify_dns import VerifyRecords
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
Make = Callable[..., KeptContext]
NAME = "ipareplica.example.com."


@pytest.fixture
async def records(lab: Lab, master: ssh.Host) -> AsyncIterator[tuple[Record, ...]]:
    host = lab.hosts[1]
    made = (
        Record(NAME, "A", str(host.address)),
        Record(NAME, "AAAA", str(host.address6)),
        Record(dns.reverse_name(str(host.address)), "PTR", NAME),
        Record(dns.reverse_name(str(host.address6)), "PTR", NAME),
    )
    yield made
    key = dns_update.parse_key((await master.read("/etc/bind/ipa.key")).decode())
    for record in (*made, Record(NAME, "A", "10.0.0.9"), *SERVICES):
        zone = await dns.zone_of(master.address, record.name)
        assert zone is not None
        await dns_update.remove(master.address, zone, record, key)


SERVICES = tuple(
    Record(f"{service}.example.com.", "SRV", f"0 100 {port} {NAME}")
    for service, port in (("_ldap._tcp", 389), ("_kerberos._udp", 88), ("_ntp._udp", 123))
)


async def served(lab: Lab, record: Record) -> list[str]:
    return [one.value for one in await dns.lookup(str(lab.master.address), record.name, record.type)]


async def test_host_records(lab: Lab, context: Make, records: tuple[Record, ...]) -> None:
    ctx, step = context(), AddRecords(records)
    assert step.title == "Adding DNS records for ipareplica.example.com"
    assert not await step.done(ctx)
    await step.run(ctx)
    assert await step.done(ctx)
    zone = records[2].name.partition(".")[2]
    assert f"Using reverse zone {zone}" in ctx.text.splitlines()
    for record in records:
        assert await served(lab, record) == [record.value]
    assert ctx.masked
    assert str(ctx.masked[0]) not in ctx.text + str(ctx.facts)
    await step.run(ctx)
    assert "Already there: " in ctx.text
    await step.undo(ctx)
    await step.undo(ctx)
    for record in records:
        assert await served(lab, record) == []


async def test_what_was_there_before_stays(lab: Lab, context: Make, records: tuple[Record, ...]) -> None:
    await AddRecords(records[:1]).run(context())
    ctx = context(no_reverse=True)
    await AddRecords(records).run(ctx)
    assert "reverse" not in ctx.text
    await AddRecords(records).undo(ctx)
    assert await served(lab, records[0]) == [records[0].value]
    assert await served(lab, records[1]) == []
    assert await served(lab, records[2]) == []


async def test_conflict_changes_nothing(lab: Lab, context: Make, records: tuple[Record, ...]) -> None:
    await AddRecords((Record(NAME, "A", "10.0.0.9"),)).run(context())
    mine = (records[1], records[0])
    with pytest.raises(DnsError, match=r"«10\.0\.0\.9» is there, «10\.88\.\d+\.11» is wanted"):
        await AddRecords(mine).run(context())
    assert await served(lab, records[1]) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, r"has no reverse zone for 5\.1\.168\.192\.in-addr\.arpa; nothing was changed"),
        ({"reverse_zone": "1.168.192.in-addr.arpa"}, r"has no reverse zone 1\.168\.192\.in-addr\.arpa;"),
        ({"reverse_zone": "9.9.10.in-addr.arpa."}, "does not hold"),
    ],
)
async def test_missing_reverse_zone(
    lab: Lab, context: Make, records: tuple[Record, ...], options: dict[str, Any], words: str
) -> None:
    pointer = Record(dns.reverse_name("192.168.1.5"), "PTR", NAME)
    with pytest.raises(DnsError, match=words) as caught:
        await AddRecords((records[0], pointer)).run(context(**options))
    assert caught.value.remedy
    assert await served(lab, records[0]) == []


async def test_given_reverse_zone(lab: Lab, context: Make, records: tuple[Record, ...]) -> None:
    zone = records[2].name.partition(".")[2]
    ctx = context(reverse_zone=zone.rstrip("."))
    await AddRecords(records[2:3]).run(ctx)
    assert f"Using reverse zone {zone}" in ctx.text
    assert await served(lab, records[2]) == [NAME]


async def test_missing_records_are_listed_and_added(lab: Lab, context: Make, records: tuple[Record, ...]) -> None:
    ctx, verify, add = context(), VerifyRecords(SERVICES), AddMissingRecords(SERVICES)
    assert not await verify.done(ctx)
    await add.run(context())
    await verify.run(ctx)
    assert await verify.done(ctx)
    assert ctx.facts["missing_records"] == []
    assert f"_ldap._tcp.example.com. 3600\tIN\tSRV\t0 100 389 {NAME}" in ctx.text.splitlines()
    assert "_ldap._tcp.example.com. 3600\tIN\tSRV\t0 100 389 ipaserver.example.com." in ctx.text.splitlines()


async def test_missing_records_warn_or_fail(
    context: Make, records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replicas.lifecycle.steps.verify_dns.SERVED_SECONDS", 0.2)
    ctx = context()
    await VerifyRecords(SERVICES).run(ctx)
    assert ctx.facts["missing_records"] == [str(record) for record in SERVICES]
    assert f"To be added:\n{SERVICES[0]}" in ctx.text
    assert "ipaserver.example.com. does not serve" in ctx.text
    with pytest.raises(DnsError, match=r"_ntp\._udp\.example\.com\. 3600 IN SRV 0 100 123 ipareplica"):
        await VerifyRecords(SERVICES, strict=True).run(ctx)
    assert not await VerifyRecords(SERVICES, strict=True).done(ctx), "a retry looks again"


async def test_realm_without_dns_gets_lines_to_paste(context: Make) -> None:
    ctx = context({"dns": False})
    await VerifyRecords(SERVICES, strict=True).run(ctx)
    assert ctx.text.splitlines()[1:] == [str(record) for record in SERVICES]
    assert ctx.facts["missing_records"] == [str(record) for record in SERVICES]

"""Advice follows from what was seen: a server in service is spared, and an agreement that waits is not broken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lab import Host, Lab
from replicas.backends.native import beforehand, checks
from replicas.backends.native.access import directory
from replicas.backends.native.names import Names
from replicas.backends.native.steps.initialize import agreement
from replicas.backends.native.steps.removable import refuse_cut
from replicas.clients import dns_update, queries, replication
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Record
from replicas.lifecycle.steps import host_checks, zones
from tests.replicas.steps.kept import KeptContext

NAME = "ipareplica.example.com"
CLIENT = "/etc/ipa/default.conf"
Make = Callable[..., KeptContext]
on_hosts = pytest.mark.hosts


@on_hosts
async def test_a_server_that_answers_is_not_to_be_removed(context: Make) -> None:
    made = context()
    made.job = replace(made.job, replica=replace(made.job.replica, hostname=made.job.master.hostname))
    with pytest.raises(StepError, match=r"already exists on .* This server is in service: .* on port 389") as caught:
        await checks.existing(made)
    assert caught.value.remedy.startswith("Choose another host name.")
    assert "delete" not in caught.value.remedy


@on_hosts
async def test_entries_of_a_server_that_does_not_answer_are_named(context: Make) -> None:
    made = context()
    entry = Names(made.job).master_entry
    async with directory(made, "master") as bound:
        await bound.add(entry, {"objectClass": ["top", "nsContainer"], "cn": NAME})
    try:
        with pytest.raises(StepError, match=entry) as caught:
            await checks.existing(made)
        assert "Only for a server that no longer exists: delete the entries named here." in caught.value.remedy
    finally:
        async with directory(made, "master") as bound:
            await bound.delete(entry)


@pytest.fixture
def renamed(lab: Lab) -> Iterator[Host]:
    """The replica's host, under another name."""
    host = lab.hosts[1]
    before, own = host.read("/etc/hosts"), host.run(["hostname"]).stdout.decode().strip()
    host.run(["hostname", "other.example.com"])
    host.write("/etc/hosts", "127.0.1.1 other.example.com other\n" + before)
    yield host
    host.run(["hostname", own])
    host.write("/etc/hosts", before)
    host.run(["rm", "-f", CLIENT])


@on_hosts
async def test_a_client_of_a_realm_is_not_to_be_renamed(context: Make, renamed: Host) -> None:
    made = context()
    with pytest.raises(StepError, match=r"calls itself other\.example\.com") as caught:
        await host_checks.hosts(made)
    assert f"hostnamectl set-hostname {NAME}" in caught.value.remedy
    renamed.run(["mkdir", "-p", "/etc/ipa"])
    renamed.write(CLIENT, "[global]\n")
    with pytest.raises(StepError, match=r"calls itself other\.example\.com") as caught:
        await host_checks.hosts(made)
    assert f"It has {CLIENT}: it may be a server or a client of a realm." in caught.value.remedy
    assert "hostnamectl" not in caught.value.remedy


@on_hosts
async def test_a_consumer_that_is_down_is_not_called_broken(context: Make) -> None:
    made = context()
    names = Names(made.job)
    async with directory(made, "master") as bound:
        await bound.add(names.to_replica, agreement(made.job, NAME, "cn=nobody,cn=config", "x" * 12))
        try:
            for _ in range(100):
                found = (await replication.read(bound, names.suffix)).agreements[NAME]
                if found.status.kind == "failing":
                    break
                await asyncio.sleep(0.2)
            with pytest.raises(StepError, match=f"did not reach {NAME} the last time, and will try again"):
                await beforehand.agreements(made)
        finally:
            await bound.delete(names.to_replica)


class Answers:
    """A directory with one agreement, whose last update ended as given."""

    def __init__(self, status: str) -> None:
        self.entry = {
            "nsDS5ReplicaRoot": ["dc=example,dc=com"],
            "nsDS5ReplicaHost": [NAME],
            "nsds5replicaLastUpdateStatus": [status],
        }

    async def get(self, dn: str, attributes: list[str]) -> dict[str, list[str]]:
        return {}

    async def search(self, base: str, wanted: str, attributes: list[str]) -> list[tuple[str, dict[str, list[str]]]]:
        return [("cn=meTo", self.entry)] if wanted == replication.AGREEMENTS else []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("Error (0) Replica acquired successfully: Incremental update succeeded", ""),
        ("Error (1) Can't acquire busy replica", ""),
        ("1 Replication error acquiring replica: replica busy", ""),
        (
            "Error (18) Replication error: Incremental update transient error.  Backing off, will retry update later.",
            "",
        ),
        ("Error (19) Replication error acquiring replica: Replica has different database generation ID", "cannot send"),
    ],
)
@on_hosts
async def test_only_a_broken_agreement_is_called_broken(
    context: Make, monkeypatch: pytest.MonkeyPatch, status: str, error: str
) -> None:
    @contextlib.asynccontextmanager
    async def answers(*_: Any) -> AsyncIterator[Answers]:
        yield Answers(status)

    monkeypatch.setattr(beforehand, "directory", answers)
    if error:
        with pytest.raises(StepError, match=error):
            await beforehand.agreements(context())
    else:
        assert "replicates with 1 other" in await beforehand.agreements(context())


def test_only_lines_with_the_address_are_named() -> None:
    lines = {1: f"192.0.2.20 {NAME}", 4: f"2001:DB8:0::7 {NAME}", 5: f"0:0:0:0:0:0:0:1 {NAME}", 6: f"x {NAME}"}
    assert queries.lines_with(lines, ["192.0.2.77"]) == []
    assert queries.lines_with(lines, ["2001:db8::7"]) == [f'line 4 ("2001:DB8:0::7 {NAME}")']
    assert queries.lines_with(lines, ["::1"]) == [f'line 5 ("0:0:0:0:0:0:0:1 {NAME}")']


def test_servers_that_would_be_cut_off_are_to_be_connected() -> None:
    with pytest.raises(StepError) as caught:
        refuse_cut({"other": {"host"}, "third": {"host"}}, "other", "host")
    assert caught.value.remedy == "Connect third with a server that stays first."


def test_a_record_of_an_alias_is_not_to_be_removed() -> None:
    wanted = Record(f"{NAME}.", "A", "192.0.2.20")
    with pytest.raises(DnsError, match="has another A record") as caught:
        dns_update.refuse_conflicts("example.com.", (Record(f"{NAME}.", "A", "192.0.2.77"),), wanted)
    assert "Remove" in caught.value.remedy
    with pytest.raises(DnsError, match="is an alias that leads to") as caught:
        dns_update.refuse_conflicts("example.com.", (Record("web.example.net.", "A", "192.0.2.77"),), wanted)
    assert "Remove" not in caught.value.remedy


def test_an_alias_of_a_whole_domain_stays() -> None:
    found = zones.aliased("a.b.example.com.", Record("b.example.com.", "DNAME", "example.net."), "a.example.net.")
    assert found.remedy == "Request the replica under a name outside of b.example.com."
    found = zones.aliased(f"{NAME}.", Record(f"{NAME}.", "CNAME", "web.example.net."), "web.example.net.")
    assert "take the place of the alias" in found.remedy

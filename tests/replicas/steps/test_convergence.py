"""Proofs wait for replication, and say for what."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from replicas.clients.dns import Absent, NameServer
from replicas.errors import StepError, WrongPassword
from replicas.lifecycle.base import Record
from replicas.lifecycle.steps import convergence, verify_dns
from replicas.lifecycle.steps.convergence import converged
from replicas.lifecycle.steps.zones import Placed, Zone
from tests.replicas.backends.freeipa.conftest import RealmContext, job

RECORD = Record("_ldap._tcp.example.com.", "SRV", "0 100 389 ipareplica.example.com.")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convergence, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(convergence, "QUIET_SECONDS", 0.0)


def test_the_limit_covers_the_longest_pause_of_a_supplier() -> None:
    """389-DS doubles its pause from 3 s up to 5 minutes (nsds5ReplicaBackoffMin, nsds5ReplicaBackoffMax)."""
    assert convergence.REPLICATED_SECONDS > 300


async def test_a_proof_that_comes_late_counts_and_each_reason_is_logged_once() -> None:
    reasons: Iterator[str] = iter(["The role is missing.", "The role is missing.", "The segment is missing."])

    async def attempt() -> str:
        if reason := next(reasons, None):
            raise StepError(reason)
        return "proved"

    made = RealmContext(job("install"), "")
    assert await converged(made, attempt) == "proved"
    assert made.text.count("The role is missing.") == 1
    assert made.text.count("The segment is missing.") == 1
    assert "Replication caught up after" in made.text.splitlines()[-1]


async def test_the_last_reason_is_the_error_when_time_is_up() -> None:
    async def attempt() -> None:
        raise StepError("The role is missing.", "Set it up.")

    with pytest.raises(StepError, match="The role is missing") as caught:
        await converged(RealmContext(job("install"), ""), attempt, seconds=0.05)
    assert caught.value.remedy == "Set it up."


async def test_what_waiting_cannot_mend_fails_at_once() -> None:
    calls = []

    async def attempt() -> None:
        calls.append(1)
        raise WrongPassword("admin's password is wrong.")

    with pytest.raises(WrongPassword):
        await converged(RealmContext(job("install"), ""), attempt)
    assert len(calls) == 1


@pytest.mark.parametrize(("replicated", "missing"), [(True, []), (False, [str(RECORD)])])
async def test_a_record_that_replication_brings_late_is_not_missing(
    replicated: bool, missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name servers of FreeIPA get the records of their zones by the replication of the directory."""
    server = NameServer("ns.example.com.", ("192.0.2.53",))
    asked = itertools.count()

    async def place(address: str, records: tuple[Record, ...]) -> tuple[Placed, ...]:
        return tuple(Placed(record, Zone("example.com.", "192.0.2.53", (server,))) for record in records)

    async def served(server: NameServer, record: Record) -> Absent | None:
        return Absent(server, record) if next(asked) < 4 else None

    async def absent(servers: tuple[NameServer, ...], records: list[Record]) -> list[Absent]:
        found = [await served(server, record) for server in servers for record in records]
        return [one for one in found if one is not None]

    async def answer(*asked: object) -> tuple[()]:
        return ()

    monkeypatch.setattr(verify_dns, "place", place)
    monkeypatch.setattr(verify_dns, "answer", answer)
    monkeypatch.setattr(verify_dns, "SERVED_SECONDS", -1.0)
    monkeypatch.setattr("replicas.lifecycle.steps.verify_dns.dns.served", served)
    monkeypatch.setattr("replicas.lifecycle.steps.verify_dns.dns.absent", absent)
    made = RealmContext(job("install"), "")
    await verify_dns.VerifyRecords((RECORD,), replicated=replicated).run(made)
    assert made.facts["missing_records"] == missing
    assert ("has not reached" in made.text) == replicated

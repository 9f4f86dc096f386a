"""The proof that a replica serves. The directories are written by hand: they were not recorded."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from replicas.backends.freeipa.steps import prove
from replicas.backends.freeipa.steps.prove import MARK, ProveService, crossing, entry, suffixes
from replicas.clients.ldap import Directory
from replicas.errors import StepError
from replicas.lifecycle.job import Endpoint
from replicas.lifecycle.steps import convergence
from tests.replicas.backends.freeipa.conftest import Make, RealmContext, job

MASTER, REPLICA = "ipaserver.example.com", "ipareplica.example.com"
GOOD, BAD = "Error (0) Replica acquired successfully: Incremental update succeeded", "Error (19) replica busy"


class Realm:
    """Two servers that replicate at once: one description, and what each says of its agreement with the other."""

    def __init__(self) -> None:
        self.description: list[str] = []
        self.writes: list[list[str]] = []
        self.most_writes = 99
        self.agreements: dict[tuple[str, str], str] = {}

    def open(self, hostname: str) -> Any:
        return Server(hostname, self)


class Server:
    def __init__(self, hostname: str, realm: Realm) -> None:
        self.hostname, self.realm = hostname, realm

    async def get(self, dn: str, attrs: Any = ()) -> dict[str, list[str]]:
        return {"description": list(self.realm.description)}

    async def modify(self, dn: str, change: tuple[str, str, list[str]]) -> None:
        if len(self.realm.writes) == self.realm.most_writes:
            raise ConnectionError
        self.realm.writes.append(change[2])
        self.realm.description = list(change[2])

    async def search(self, base: str, wanted: str, attrs: Any = ()) -> list[Any]:
        return [
            ("cn=it", {"nsds5ReplicaRoot": [root], "nsds5ReplicaLastUpdateStatus": [said]})
            for (name, root), said in self.realm.agreements.items()
            if name == self.hostname
        ]


@pytest.fixture
def realm(monkeypatch: pytest.MonkeyPatch) -> Realm:
    made = Realm()

    @contextlib.asynccontextmanager
    async def directory(ctx: RealmContext, server: Endpoint) -> AsyncIterator[Directory]:
        yield made.open(server.hostname)

    monkeypatch.setattr(prove, "directory", directory)
    monkeypatch.setattr(convergence, "REPLICATED_SECONDS", 0.05)
    monkeypatch.setattr(convergence, "FIRST_PAUSE", 0.01)
    return made


async def cross(made: RealmContext, realm: Realm) -> None:
    await crossing(made, entry(made.job), realm.open(REPLICA), realm.open(MASTER))


async def test_what_a_write_replaces_is_put_back(context: Make, realm: Realm) -> None:
    realm.description = ["Rack 7"]
    await cross(made := context(replica="ipareplica"), realm)
    assert realm.writes[0][0].startswith(MARK)
    assert realm.description == ["Rack 7"]
    realm.description = ["Rack 8"]
    await cross(made, realm)
    assert realm.description == ["Rack 8"]


async def test_an_attempt_that_was_cut_off_loses_nothing_of_it(context: Make, realm: Realm) -> None:
    realm.description, realm.most_writes = ["Rack 7", "room 2"], 1
    made = context(replica="ipareplica")
    with pytest.raises(ConnectionError):
        await cross(made, realm)
    assert realm.description[0].startswith(MARK)
    realm.most_writes = 99
    await cross(made, realm)
    assert realm.description == ["Rack 7", "room 2"]


async def test_the_mark_of_a_run_that_nobody_goes_on_with_is_taken_away(context: Make, realm: Realm) -> None:
    realm.description = [f"{MARK}0123"]
    await cross(context(replica="ipareplica"), realm)
    assert realm.description == []


async def test_agreements_of_each_suffix_work_both_ways(context: Make, realm: Realm) -> None:
    made = context(replica="ipareplica", setup_ca=True)
    for name in (MASTER, REPLICA):
        realm.agreements |= {(name, "dc=example,dc=com"): GOOD, (name, "o=ipaca"): GOOD}
    proofs = await ProveService()._agreements(made)
    assert len(proofs) == 4
    assert f"The agreement of {REPLICA} with {MASTER} for ca says: {GOOD}." in proofs
    realm.agreements[REPLICA, "o=ipaca"] = BAD
    with pytest.raises(StepError, match=rf"agreement of {REPLICA} with {MASTER} for ca says: .*busy"):
        await ProveService()._agreements(made)


async def test_an_agreement_that_admin_may_not_read_is_told(context: Make, realm: Realm) -> None:
    made = context(replica="ipareplica")
    realm.agreements[MASTER, "dc=example,dc=com"] = GOOD
    assert len(await ProveService()._agreements(made)) == 1
    assert made.lines == [("warning", f"{REPLICA} shows admin no agreements: the one with {MASTER} is not looked at")]


async def test_an_agreement_that_is_missing_is_no_proof(context: Make, realm: Realm) -> None:
    for name in (MASTER, REPLICA):
        realm.agreements[name, "dc=example,dc=com"] = GOOD
    with pytest.raises(StepError, match=f"agreement of {MASTER} with {REPLICA} for ca does not exist"):
        await ProveService()._agreements(context(replica="ipareplica", setup_ca=True))


def test_the_authority_has_a_suffix_of_its_own() -> None:
    assert suffixes(job(setup_ca=True)) == ("domain", "ca")
    assert suffixes(job()) == ("domain",)

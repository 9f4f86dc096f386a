"""Effects happen exactly once, wherever the worker dies: counted on the hosts afterwards."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Literal

import pytest

from lab import Lab
from replicas.backends.native import bundle
from replicas.backends.registry import get
from replicas.errors import StepError
from replicas.lifecycle.base import Step
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import sealed
from tests.hosts.native.conftest import ask, job
from tests.hosts.native.driver import Driver
from tests.hosts.native.stopping import dying, killed

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
KEPT = "/run/replica-portal"
CA = "/var/lib/ipa/ca"
Take = Callable[[Driver], Driver]


def steps(wanted: Job, *keys: str) -> list[Step]:
    return [step for step in get("native").steps(wanted) if step.key in keys]


def certificates(lab: Lab) -> dict[str, str]:
    """State by serial number of what was ever issued to the replica."""
    lines = [line.split("\t") for line in lab.master.read(f"{CA}/index.txt").splitlines()]
    return {fields[3]: fields[0] for fields in lines if fields[5].endswith(f"CN={NAME}")}


def kept(lab: Lab) -> str:
    return ask(lab.master, "find", KEPT, "-type", "f", "-size", "+0").strip()


@pytest.fixture
async def take() -> AsyncIterator[Take]:
    """Whoever takes over gets its connections closed in the end."""
    made: list[Driver] = []

    def note(driver: Driver) -> Driver:
        made.append(driver)
        return driver

    yield note
    for driver in made:
        await driver.close()


@pytest.mark.parametrize(
    ("when", "what"),
    [
        ("after", "certificate_issue"),
        ("before", "certificate_serials"),
        ("after", "certificate_serials"),
        ("before", "bundle_sha256"),
        ("after", "bundle_sha256"),
        ("before", "no certificate_issue"),
    ],
)
async def test_certificates_are_issued_once(
    hosts: Lab, take: Take, when: Literal["before", "after"], what: str
) -> None:
    wanted = job(hosts, "ipareplica")
    plan = steps(wanted, "check-hosts", "prepare-bundle")
    second = take(await killed(dying(hosts, wanted, when, what), plan))
    await second.run(plan)
    found = certificates(hosts)
    assert set(found) == set(second.facts[sealed.SERIALS].values())  # type: ignore[union-attr]
    assert set(found.values()) == {"V"}
    assert len(found) == 2
    assert "No such file" in ask(hosts.master, "ls", KEPT)


async def test_a_certificate_is_finished_when_the_connection_is_gone_and_then_found(hosts: Lab, take: Take) -> None:
    wanted = job(hosts, "ipareplica")
    plan = steps(wanted, "check-hosts", "prepare-bundle")
    second = take(await killed(dying(hosts, wanted, "after", "certificate_issue"), plan))
    task = asyncio.ensure_future(second.run(plan))
    while "portal-issue" not in ask(hosts.master, "ls", "/run"):
        await asyncio.sleep(0.005)
    (await second.host("master"))._connection.abort()
    with pytest.raises(Exception, match="lost"):
        await task
    third = take(dataclasses.replace(Driver(wanted, second.key, second.passwords), _facts=dict(second.facts)))
    await third.run(plan)
    found = certificates(hosts)
    assert set(found.values()) == {"V"}
    assert set(found) == set(third.facts[sealed.SERIALS].values())  # type: ignore[union-attr]
    assert "portal-issue" not in ask(hosts.master, "ls", "/run")


async def test_what_arrives_when_the_issue_is_over_issues_nothing(hosts: Lab, take: Take) -> None:
    """A worker that was frozen with a command on its way."""
    wanted = job(hosts, "ipareplica")
    plan = steps(wanted, "check-hosts", "prepare-bundle")
    late = take(await killed(dying(hosts, wanted, "after", "certificate_issue"), plan))
    issue = late.facts["certificate_issue"]
    second = take(dataclasses.replace(Driver(wanted, late.key, late.passwords), _facts=dict(late.facts)))
    await second.run(plan)
    before = certificates(hosts)
    (order, *_) = bundle.orders(wanted)
    with pytest.raises(StepError, match="is over"):
        await (await late.host("master")).python("native_issue", order.payload(wanted, str(issue)))
    assert certificates(hosts) == before
    await (await late.host("master")).python("native_forget", {"issue": issue})
    assert "No such file" in ask(hosts.master, "ls", KEPT)


@pytest.mark.parametrize("length", [57, 58, 64])
async def test_every_subject_of_a_long_name_is_issued_and_found_again(hosts: Lab, take: Take, length: int) -> None:
    short = job(hosts, "ipareplica", setup_ca=True)
    name = f"{'a' * (length - len('.branch.example.com'))}.branch.example.com"
    wanted = dataclasses.replace(short, replica=dataclasses.replace(short.replica, hostname=name))
    master = await take(Driver(wanted, hosts.ssh_key, {})).host("master")
    issue = f"long{length}"
    await master.python("native_begin", {"issue": issue})
    try:
        orders = bundle.orders(wanted)
        assert [order.label for order in orders] == ["Server-Cert", "httpd", "dogtag", "ipa-ra"]
        answers = [await master.python("native_issue", order.payload(wanted, issue)) for order in orders]
        asked = {"names": bundle.common_names(wanted), "floor": 0}
        found = (await master.python("native_issued", asked))["valid"]
        assert {answer["serial"] for answer in answers} == set(found)
        await master.python("native_revoke", {**asked, "issue": ""})
        assert (await master.python("native_issued", asked))["valid"] == []
    finally:
        await master.python("native_forget", {"issue": issue})


async def test_what_a_reboot_of_the_master_lost_is_revoked(hosts: Lab, take: Take) -> None:
    wanted = job(hosts, "ipareplica")
    plan = steps(wanted, "check-hosts", "prepare-bundle")
    second = take(await killed(dying(hosts, wanted, "before", "certificate_serials"), plan))
    lost = set(certificates(hosts))
    assert len(kept(hosts).splitlines()) == 2
    assert ask(hosts.master, "stat", "-c", "%a %U", *kept(hosts).splitlines()).split() == ["600", "root"] * 2
    assert ask(hosts.master, "stat", "-c", "%a %U", KEPT).split() == ["700", "root"]
    hosts.master.run(["rm", "-r", KEPT])  # which is what a reboot does to /run
    await second.run(plan)
    found = certificates(hosts)
    assert {serial for serial, state in found.items() if state == "R"} == lost
    assert {serial for serial, state in found.items() if state == "V"} == set(
        second.facts[sealed.SERIALS].values()  # type: ignore[union-attr]
    )
    listed = ask(hosts.master, "openssl", "crl", "-in", "/var/www/ipa/ipa/crl/MasterCRL.pem", "-noout", "-text")
    assert all(f"Serial Number: {serial}" in listed for serial in lost)


async def test_a_replica_id_is_taken_once(hosts: Lab, take: Take) -> None:
    wanted = job(hosts, "ipareplica")
    keys = ("check-hosts", "prepare-bundle", "host-records", "transfer-bundle", "open-bundle", "configure-directory")
    plan = steps(wanted, *keys)
    before = counter(hosts)
    second = take(await killed(dying(hosts, wanted, "before", "replica_id"), plan))
    assert counter(hosts) == before + 1
    await second.run(plan)
    assert counter(hosts) == before + 1
    assert second.facts["replica_id"] == before


@pytest.mark.parametrize(("when", "what"), [("before", "sent"), ("after", "sent"), ("before", "initialized")])
async def test_the_directory_is_sent_once(hosts: Lab, take: Take, when: Literal["before", "after"], what: str) -> None:
    wanted = job(hosts, "ipareplica")
    every = get("native").steps(wanted)
    plan = every[: [step.key for step in every].index("initialize") + 1]
    second = take(await killed(dying(hosts, wanted, when, what), plan))
    await second.run(plan)
    said = hosts.master.read("/var/log/dirsrv/slapd-EXAMPLE-COM/errors").splitlines()
    assert sum("Beginning total update" in line and NAME in line for line in said) == 1
    assert "dn: uid=admin" in ask(hosts.host(NAME), *LOCALLY, "-b", "dc=example,dc=com", "uid=admin", "dn")


LOCALLY = (
    *("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-Y", "EXTERNAL", "-Q"),
    *("-H", "ldapi://%2frun%2fslapd-EXAMPLE-COM.socket"),
)


def counter(lab: Lab) -> int:
    found = ask(
        lab.master,
        *LOCALLY,
        *("-b", "cn=replication,cn=etc,dc=example,dc=com", "-s", "base", "nsDS5ReplicaId"),
    )
    return int(found.partition("nsDS5ReplicaId: ")[2].split()[0])

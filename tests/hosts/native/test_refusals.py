"""What the native backend refuses on real hosts, and that a second try then succeeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab import Lab
from replicas.backends.registry import get
from replicas.errors import BundleError, PortalError, StepError, WrongPassword
from replicas.lifecycle.job import Job, Options
from tests.hosts.native.conftest import ask, job
from tests.hosts.native.driver import Driver, job_for

pytestmark = pytest.mark.hosts
Drive = Callable[[Lab, Job], Driver]
BACKEND = get("native")


async def refused(driver: Driver, kind: type[PortalError], *words: str) -> None:
    with pytest.raises(kind) as caught:
        await driver.run(BACKEND.steps(driver.job))
    assert caught.value.remedy
    for word in words:
        assert word in str(caught.value)


async def test_what_is_refused_before_anything_is_changed(hosts: Lab, drive: Drive) -> None:
    good = job(hosts, "ipareplica")
    before = hosts.master.read("/var/lib/ipa/ca/index.txt")
    driver = drive(hosts, good)
    driver.passwords = {**driver.passwords, "directory_manager": "wrong"}
    await refused(driver, WrongPassword, "password")
    itself = replace(good, replica=good.master)
    await refused(drive(hosts, itself), StepError, "is the master itself")
    foreign = replace(good, options=replace(good.options, ip_addresses=("192.0.2.1",)))
    await refused(drive(hosts, foreign), StepError, "192.0.2.1", "interface")
    nameless = replace(good, options=replace(good.options, ip_addresses=()))
    await refused(drive(hosts, nameless), StepError, "not found in DNS")
    findings = await BACKEND.preflight(drive(hosts, foreign))
    wrong = {one.check: one for one in findings if one.level == "error"}
    assert list(wrong) == ["addresses", "zones"]
    assert "1.2.0.192.in-addr.arpa" in wrong["zones"].message
    assert hosts.master.read("/var/lib/ipa/ca/index.txt") == before
    assert not ask(hosts.master, "sh", "-c", "ls /var/lib/ipa | grep gpg")


async def test_a_bundle_that_is_damaged_or_for_another_host(hosts: Lab, drive: Drive) -> None:
    good = job(hosts, "ipareplica")
    replica, driver = hosts.host("ipareplica"), drive(hosts, good)
    steps = BACKEND.steps(good)
    at = [step.key for step in steps].index("open-bundle")
    await driver.run(steps[:at])
    whole = replica.run(["base64", good.bundle_path]).stdout

    replica.run(["truncate", "--size=-100", good.bundle_path])
    with pytest.raises(BundleError, match="truncated or damaged"):
        await steps[at].run(driver)
    replica.write(good.bundle_path, "not a bundle", mode=0o600)
    with pytest.raises(BundleError, match="not an OpenPGP file"):
        await steps[at].run(driver)
    replica.write("/run/whole", whole.decode())
    replica.run(["sh", "-c", f"base64 -d /run/whole > {good.bundle_path}; rm /run/whole"])
    other = drive(hosts, replace(good, replica=replace(good.replica, hostname="other.example.com")))
    other.job = replace(other.job, replica=replace(good.replica, hostname="other.example.com"))
    replica.run(["cp", good.bundle_path, other.job.bundle_path])
    with pytest.raises(BundleError, match=r"was made for ipareplica\.example\.com, not for other"):
        await steps[at].run(other)
    digest = driver.facts["bundle_sha256"]
    await driver.fact("bundle_sha256", "0" * 64)
    with pytest.raises(BundleError, match="is not the bundle that was sealed"):
        await steps[at].run(driver)
    await driver.fact("bundle_sha256", digest)
    assert "portal-" not in ask(replica, "ls", "/run")

    # Once it is open, this run may open it again; no other run of the same host may, nor another host.
    await steps[at].run(driver)
    assert driver.facts["bundle_opened"] == digest
    await steps[at].run(driver)
    with pytest.raises(BundleError, match="is not the bundle that was sealed"):
        await steps[at].run(drive(hosts, good))
    elsewhere, neighbour = drive(hosts, job(hosts, "ipareplica2")), hosts.host("ipareplica2")
    neighbour.write("/run/whole", whole.decode())
    copy = f"mkdir -p /var/lib/ipa; base64 -d /run/whole > {elsewhere.job.bundle_path}; rm /run/whole"
    neighbour.run(["sh", "-c", copy])
    await elsewhere.fact("bundle_sha256", digest)
    with pytest.raises(BundleError, match=r"was made for ipareplica\.example\.com, not for ipareplica2"):
        await BACKEND.steps(elsewhere.job)[at].run(elsewhere)

    # Whatever was tried before, the same run goes on where it was.
    await driver.run(steps)
    second = drive(hosts, good)
    await refused(second, StepError, "already exists on ipaserver.example.com", f"cn={replica.name},cn=masters")


async def test_a_realm_without_dns(plain_realm: Lab, drive: Drive) -> None:
    await refused(drive(plain_realm, job(plain_realm, "ipareplica")), StepError, "no DNS of its own")
    wanted = job_for(plain_realm, "ipareplica", Options())
    driver = drive(plain_realm, wanted)
    await driver.run(BACKEND.steps(wanted))
    assert len(driver.facts["missing_records"]) == 8  # type: ignore[arg-type]
    status = ask(
        plain_realm.host("ipareplica"),
        "dsconf",
        "EXAMPLE-COM",
        "replication",
        "status",
        "--suffix",
        "dc=example,dc=com",
    )
    assert "In Synchronization" in status

"""SSH connections that are cut in the middle, by the firewall of the host."""

from __future__ import annotations

import random
import time
from functools import partial

import pytest

from lab import Host
from replicas.choices import RunState
from replicas.models import LogLine, Run
from tests.faults.hosts import Baseline, HostSite, ended
from tests.faults.workers import impatient

pytestmark = pytest.mark.hosts
SSH, LDAP = 22, 389
NOTICED_SECONDS = 40.0


def host_of(site: HostSite, role: str) -> Host:
    return {"master": site.master, "replica": site.replica}[role]


def said(run: Run, words: str) -> bool:
    return LogLine.objects.filter(run=run, text__contains=words).exists()


def noticed(run: Run) -> bool:
    return said(run, "Trying again")


@pytest.mark.parametrize(
    ("role", "step"),
    [("replica", "configure-directory"), ("replica", "configure-dns"), ("master", "prepare-bundle")],
)
def test_cut_and_mended(role: str, step: str, site: HostSite, undisturbed: Baseline, moments: random.Random) -> None:
    run, host = site.ask(), host_of(site, role)
    site.start()
    site.reach(run, step)
    time.sleep(moments.uniform(0, 0.5) * undisturbed.install.seconds[step])
    host.block(SSH)
    site.wait(lambda: noticed(run) or ended(run), NOTICED_SECONDS)
    host.unblock()
    seconds = site.move_on(run)
    site.table.add(f"SSH to the {role} cut until it was noticed", step, site.settle(run), seconds)
    site.assert_same(run, undisturbed)


def test_cut_for_a_moment(site: HostSite, undisturbed: Baseline, moments: random.Random) -> None:
    """Shorter than anybody notices: TCP sends again."""
    run = site.ask()
    site.start()
    site.reach(run, "configure-directory")
    time.sleep(moments.uniform(0, 2))
    site.replica.block(SSH)
    time.sleep(3)
    site.replica.unblock()
    seconds = site.move_on(run)
    site.table.add("SSH to the replica cut for 3 s", "configure-directory", site.settle(run), seconds)
    assert not noticed(run)
    site.assert_same(run, undisturbed)


def test_cut_for_good(site: HostSite, undisturbed: Baseline) -> None:
    run = site.ask()
    site.start(reconnect_seconds=5)
    site.reach(run, "configure-directory")
    site.replica.block(SSH)
    site.finish(run)
    assert run.state == RunState.FAILED
    assert f"{site.replica.name} ({site.replica.address})" in run.error
    assert "SSH" in run.error
    site.replica.unblock()
    site.retry(run)
    site.table.add(
        "SSH to the replica cut until the run failed", "configure-directory", "failed, verified after a retry"
    )
    site.assert_same(run, undisturbed)


def test_large_packets_are_lost(site: HostSite, undisturbed: Baseline) -> None:
    """Connections open and nothing else arrives: what a wrong MTU does, or a server that hangs."""
    site.workers.prepare = partial(impatient, site.workers.prepare, 10.0)
    run = site.ask()
    site.start()
    site.reach(run, "initialize")
    site.replica.block(LDAP, larger=600)
    site.wait(lambda: said(run, "has sent nothing more") or ended(run), 60)
    site.replica.unblock()
    seconds = site.move_on(run)
    site.table.add("large packets to the replica lost, then not", "initialize", site.settle(run), seconds)
    assert said(run, "anew, and again")
    site.assert_same(run, undisturbed)

"""Machines and daemons that go down in the middle."""

from __future__ import annotations

import random
import time

import pytest

from lab import Host
from tests.faults.hosts import REPLICA, Baseline, HostSite

pytestmark = pytest.mark.hosts
DIRECTORY = "dirsrv@EXAMPLE-COM"


def reboot(host: Host) -> None:
    host.stop()
    host.boot()
    host.wait()


def power(host: Host) -> None:
    host.cut_power()
    host.boot()
    host.wait()


BOOTS = {"rebooted": reboot, "without power for a moment": power}


@pytest.mark.parametrize(
    ("how", "step"),
    [
        ("rebooted", "configure-directory"),
        ("without power for a moment", "configure-directory"),
        ("without power for a moment", "initialize"),
        ("without power for a moment", "configure-dns"),
    ],
)
def test_replica_goes_down(how: str, step: str, site: HostSite, undisturbed: Baseline, moments: random.Random) -> None:
    run = site.ask()
    site.start()
    site.reach(run, step)
    time.sleep(moments.uniform(0, 0.8) * undisturbed.install.seconds[step])
    BOOTS[how](site.replica)
    seconds = site.move_on(run)
    site.table.add(f"replica {how}", step, site.settle(run, REPLICA, "did not answer"), seconds)
    site.assert_same(run, undisturbed, begun_again=True)


def restart(master: Host) -> None:
    master.run(["systemctl", "restart", DIRECTORY])


def kill(master: Host) -> None:
    master.run(["systemctl", "kill", "--signal=KILL", DIRECTORY])
    time.sleep(1)
    master.run(["systemctl", "reset-failed", DIRECTORY], check=False)
    master.run(["systemctl", "start", DIRECTORY])


HOW = {"restarted": restart, "killed": kill}


@pytest.mark.parametrize(
    ("how", "step"), [("restarted", "initialize"), ("killed", "initialize"), ("killed", "enable-services")]
)
def test_directory_of_the_master_goes_down(
    how: str, step: str, site: HostSite, undisturbed: Baseline, moments: random.Random
) -> None:
    run = site.ask()
    site.start()
    site.reach(run, step)
    time.sleep(moments.uniform(0, 0.6) * undisturbed.install.seconds[step])
    HOW[how](site.master)
    seconds = site.move_on(run)
    words = (site.master.name, "Update failed")
    site.table.add(f"Directory Server of the master {how}", step, site.settle(run, *words), seconds)
    site.assert_same(run, undisturbed)

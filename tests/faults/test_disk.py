"""A disk of the replica that is full, before a step or in the middle of one, and then has space again."""

from __future__ import annotations

import random
import signal

import pytest

from lab import Host
from lab.command import until
from replicas.choices import RunState
from replicas.models import Run
from tests.faults.conftest import ROUNDS
from tests.faults.hosts import REPLICA, Baseline, HostSite
from tests.replicas.lifecycle.processes import frozen, thaw

pytestmark = pytest.mark.hosts
FULL_SECONDS = 60.0
SIZES = {"/var/lib/dirsrv": "3G"}
"""The Directory Server wants a tenth of the machine's memory for its cache."""

# Another file system, with what was there.
MOUNT = """
set -e
mkdir --parents "$0" /run/before
cp --archive "$0/." /run/before
mount -t tmpfs -o size={size},mode=$(stat --format=%a "$0") tmpfs "$0"
cp --archive /run/before/. "$0"
rm --recursive /run/before
"""
# A file that takes all the rest, and whatever is freed later: a Directory Server removes files of its own.
FILL = """
fallocate --length $(df --output=avail --block-size=1 "$0" | tail -1) "$0/filler" || true
while :; do cat /dev/zero >> "$0/filler" 2>/dev/null || sleep 0.02; done
"""
UNIT = "filler"


def mount(host: Host, folder: str) -> None:
    host.run(["sh", "-c", MOUNT.format(size=SIZES.get(folder, "600M")), folder])


def fill(host: Host, folder: str) -> None:
    host.run(["systemd-run", "--quiet", "--collect", f"--unit={UNIT}", "sh", "-c", FILL, folder])
    until(lambda: host.run(["df", "--output=avail", folder]).stdout.split()[-1] == b"0", FULL_SECONDS, "it is not full")


def free(host: Host, folder: str) -> None:
    host.run(["systemctl", "stop", UNIT])
    host.run(["rm", f"{folder}/filler"])


@pytest.mark.parametrize(
    ("folder", "step"),
    [
        ("/var/lib/ipa", "transfer-bundle"),
        ("/etc", "open-bundle"),
        ("/var/lib/dirsrv", "configure-directory"),
        ("/etc", "configure-directory"),
    ],
)
def test_full_and_freed(folder: str, step: str, site: HostSite, undisturbed: Baseline) -> None:
    run = site.ask()
    stop_before(site, step)
    mount(site.replica, folder)
    fill(site.replica, folder)
    site.take_up(run)
    site.finish(run)
    assert run.state == RunState.FAILED
    told = cause(run)
    free(site.replica, folder)
    site.retry(run)
    site.table.add(f"{folder} of the replica full, then freed", step, f"failed, verified after a retry: {told}")
    site.assert_same(run, undisturbed, begun_again=True)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("step", ["configure-directory", "initialize", "configure-kerberos"])
def test_full_in_the_middle(
    step: str, number: int, site: HostSite, undisturbed: Baseline, moments: random.Random
) -> None:
    """The worker stands still while the disk fills, and the disk stays full until the run has ended.

    A server that nobody saw fail has no space when it is proved.
    """
    folder, run = "/var/lib/dirsrv", site.ask()
    stop_before(site, "configure-directory")
    mount(site.replica, folder)
    wait = moments.uniform(0.05, 0.4) * undisturbed.install.seconds[step]
    site.orders.give((step, wait), number=signal.SIGSTOP)
    site.take_up(run)
    assert site.worker is not None
    worker = site.worker
    site.wait(lambda: frozen(worker))
    fill(site.replica, folder)
    thaw(worker)
    site.finish(run)
    assert run.state == RunState.FAILED
    told = cause(run)
    free(site.replica, folder)
    site.retry(run)
    outcome = f"failed, verified after a retry: {told}"
    site.table.add(f"{folder} of the replica full {wait:.2f} s inside, then freed", step, outcome)
    site.assert_same(run, undisturbed, begun_again=True)


def stop_before(site: HostSite, step: str) -> None:
    """Until the worker is dead, the step not begun."""
    site.orders.give((step, "before"))
    worker = site.start()
    site.wait(lambda: not worker.is_alive())


def cause(run: Run) -> str:
    """What a person is told, who learns which host has no space."""
    told = f"{run.error} {run.remedy}"
    assert REPLICA in told
    assert "space" in told, told
    return told

"""A disk of the replica that is full, and then has space again."""

from __future__ import annotations

import pytest

from lab import Host
from replicas.choices import RunState
from tests.faults.hosts import REPLICA, Baseline, HostSite

pytestmark = pytest.mark.hosts
SIZES = {"/var/lib/dirsrv": "3G"}
"""The Directory Server wants a tenth of the machine's memory for its cache."""

# Another file system, with what was there, and a file that takes all the rest.
FILL = """
set -e
mkdir --parents "$0" /run/before
cp --archive "$0/." /run/before
mount -t tmpfs -o size={size},mode=$(stat --format=%a "$0") tmpfs "$0"
cp --archive /run/before/. "$0"
rm --recursive /run/before
fallocate --length $(df --output=avail --block-size=1 "$0" | tail -1) "$0/filler" || true
cat /dev/zero >> "$0/filler" 2>/dev/null || true
"""


def fill(host: Host, folder: str) -> None:
    host.run(["sh", "-c", FILL.format(size=SIZES.get(folder, "600M")), folder])
    assert host.run(["df", "--output=avail", folder]).stdout.split()[-1] == b"0"


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
    site.orders.give((step, "before"))
    worker = site.start()
    site.wait(lambda: not worker.is_alive())
    fill(site.replica, folder)
    site.take_up(run)
    site.finish(run)
    assert run.state == RunState.FAILED
    told = f"{run.error} {run.remedy}"
    assert REPLICA in told
    assert "space" in told, told
    site.replica.run(["rm", f"{folder}/filler"])
    site.retry(run)
    site.table.add(f"{folder} of the replica full, then freed", step, f"failed, verified after a retry: {told}")
    site.assert_same(run, undisturbed, begun_again=True)

"""`kill -9` of the worker at every boundary of every step, in a realm of FreeIPA: nothing here is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.freeipa import FreeIpaLab
from replicas.actions.undo import remove
from replicas.choices import ReplicaState
from replicas.models import Master, Replica, Run
from tests.faults.hosts import HostSite, assert_verified, boundaries
from tests.faults.logs import assert_whole, texts
from tests.faults.table import Table
from tests.freeipa.asking import suppliers, told
from tests.freeipa.test_life import NAME, WITHOUT_AUTHORITY, certified
from tests.hosts.conftest import Portal
from tests.replicas.lifecycle.processes import Workers

pytestmark = pytest.mark.freeipa
ONCE = (
    "Adding the host ipareplica.example.com with a one-time password",
    "The ipa-client-install command was successful",
    "creating directory server instance",
    "The ipa-replica-install command was successful",
)
"""Lines that are there once for each time that something is done; the client's installer runs in the other, too."""


class FreeIpaSite(HostSite):
    def ask(self, **changes: Any) -> Run:
        if not Master.objects.exists():
            self.portal.register(backend="freeipa")
        return self.portal.approve(self.portal.ask(NAME, **(WITHOUT_AUTHORITY | changes)))


@pytest.fixture
def site(portal: Portal, hosts: FreeIpaLab, workers: Workers, tmp_path: Path) -> FreeIpaSite:
    certified(hosts)
    return FreeIpaSite(portal, hosts, workers, Table(), tmp_path / "orders")


def test_an_installation_and_its_removal_lose_and_double_nothing(site: FreeIpaSite, hosts: FreeIpaLab) -> None:
    run = site.ask()
    # Nothing is interrupted that would have to be cleared, so that step is found done and does not run.
    site.work(run, [one for one in boundaries(run) if one != ("clear-interrupted", "ran")], "verified")
    assert_verified(run)
    assert_whole(run)
    said = texts(run)
    for line in ONCE:
        assert sum(line in one for one in said) == 1, line
    assert told(hosts, "ipa", "server-find", "--pkey-only").count(NAME) == 1
    assert told(hosts, "ipa", "topologysegment-find", "domain", "--pkey-only").count(NAME) == 1
    assert len(suppliers(hosts, NAME)) == 1

    removal = site.portal.approve(remove(site.portal.operator, Replica.objects.get(), "no longer needed"))
    site.work(removal, boundaries(removal), "removed")
    assert_whole(removal)
    assert Replica.objects.get().state == ReplicaState.REMOVED
    assert NAME not in told(hosts, "ipa", "server-find", "--pkey-only")
    assert NAME not in told(hosts, "ipa", "host-find", "--pkey-only")
    assert not suppliers(hosts, NAME)

"""Two installations at once from one master, and requests that race for one name."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from lab import Lab
from replicas.actions import submit
from replicas.choices import ReplicaState, RunState
from replicas.errors import Conflict
from replicas.models import Master, Replica, Run
from tests.hosts.census import in_directory
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
NAMES = ("ipareplica.example.com", "ipareplica2.example.com")


def at_once(*works: Callable[[], object]) -> None:
    def alone(work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=alone, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_installations_at_once_from_one_master(portal: Portal, hosts: Lab) -> None:
    portal.register()
    runs = []
    for name in NAMES:
        addresses = [str(hosts.host(name).address)]
        options = {"setup_dns": True, "no_forwarders": True, "setup_ca": name == NAMES[0]}
        runs.append(portal.approve(portal.ask(name, ip_addresses=addresses, **options)))
    at_once(*(lambda run=run: portal.work(run) for run in runs))
    for run in runs:
        run.refresh_from_db()
        assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}\n{portal.log(run)}"
    began = [run.started_at for run in runs if run.started_at]
    ended = [run.finished_at for run in runs if run.finished_at]
    assert max(began) < min(ended), "they ran at the same time"
    assert set(Replica.objects.values_list("state", flat=True)) == {ReplicaState.VERIFIED}
    ids = [run.facts["replica_id"] for run in runs]
    assert len(set(ids)) == 2
    assert in_directory(hosts.master)["update vector"] == sorted(
        ["1 ipaserver.example.com", *(f"{one} {run.plan.replica.hostname}" for one, run in zip(ids, runs, strict=True))]
    )
    serials = [serial for run in runs for serial in run.facts["certificate_serials"].values()]
    assert len(set(serials)) == len(serials)


def test_of_requests_that_race_for_a_name_one_wins(portal: Portal, hosts: Lab) -> None:
    """All of them pass the check before any is stored: the database's constraint decides."""
    portal.register()
    master, host = Master.objects.get(), hosts.host(NAMES[0])
    together = threading.Barrier(3)
    refused: list[Conflict] = []

    def ask() -> None:
        together.wait()
        try:
            submit.store(
                portal.operator,
                Replica(hostname=host.name, ssh_address=str(host.address), master=master),
                host.public_key,
            )
        except Conflict as conflict:
            refused.append(conflict)

    at_once(ask, ask, ask)
    assert Replica.objects.filter(hostname=host.name).count() == 1
    assert [f"for {host.name} already" in str(conflict) for conflict in refused] == [True, True]
    assert not Run.objects.exists()

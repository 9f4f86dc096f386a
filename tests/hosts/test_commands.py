"""Long commands on a real host, while somebody cancels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection

from lab import Host, Lab
from replicas.actions.cancel import cancel_run
from replicas.choices import ReplicaState, RunState, StepState
from replicas.models import Replica, Run
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
REPLICA = "ipareplica.example.com"


def wait(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def units(replica: Host) -> str:
    return replica.run(["systemctl", "list-units", "--all", "--no-legend", "replica-portal-*"]).stdout.decode()


def test_stop_now_ends_the_command_on_the_host_and_a_retry_goes_on(portal: Portal, hosts: Lab) -> None:
    replica = hosts.host(REPLICA)
    portal.register()
    run = portal.approve(portal.ask(ip_addresses=[str(replica.address)]))

    def work() -> None:
        portal.work(run)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    wait(lambda: "running" in units(replica), 60)
    cancel_run(portal.operator, Run.objects.get(pk=run.pk), "wrong host", now=True)
    asked = time.monotonic()
    worker.join(20)
    assert time.monotonic() - asked < 10, "a command of several seconds was not waited for"
    run.refresh_from_db()
    assert (run.state, run.offsets) == (RunState.CANCELLED, {})
    assert run.error.startswith("Stopped by operator at step ")
    assert units(replica) == ""
    assert replica.run(["ls", "/run/replica-portal"]).stdout == b""
    assert replica.run(["sh", "-c", "pgrep -x dscreate || true"]).stdout == b""
    states = dict(run.steps.values_list("key", "state"))
    assert (states["open-bundle"], states["configure-directory"]) == (StepState.DONE, StepState.CANCELLED)
    log = portal.log(run)
    assert "Done: Opening the replica information file" in log
    assert "Perhaps done in part: Configuring directory server (dirsrv)" in log
    assert Replica.objects.get().state == ReplicaState.STOPPED

    run = portal.retry(run)
    assert (run.state, run.offsets) == (RunState.SUCCEEDED, {}), f"{run.error} {run.remedy}"
    assert units(replica) == ""

"""A removal of a replica that serves is stopped on real hosts: before its first change, and after it."""

from __future__ import annotations

from typing import Any

import pytest

from lab import Lab
from replicas.actions.undo import undo
from replicas.choices import ReplicaState, RunState
from replicas.errors import Conflict
from replicas.models import Replica, Run
from tests.hosts.census import census, difference
from tests.hosts.conftest import Portal
from tests.hosts.test_remove import FIRST, options, removal, succeeded
from tests.hosts.test_undo import stopping_after

pytestmark = pytest.mark.hosts


def stopped(portal: Portal, key: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A removal that a user stops as soon as that step is done; nobody can undo the installation then."""
    with stopping_after(portal, key, monkeypatch):
        run = removal(portal, FIRST)
    assert run.state == RunState.CANCELLED, portal.log(run)
    assert run.error.startswith("Stopped by operator at step ")
    with pytest.raises(Conflict, match="was verified"):
        undo(portal.operator, replica(), "take it back")
    return run


def replica() -> Replica:
    return Replica.objects.get(hostname=FIRST)


def test_a_removal_is_stopped_before_it_changes_anything_and_later_finished(
    portal: Portal, hosts: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.register()
    blank = census(hosts)
    chosen: dict[str, Any] = options(hosts.host(FIRST), setup_dns=True, no_forwarders=True)
    succeeded(portal, portal.install(FIRST, **chosen))
    installed = census(hosts)

    early = stopped(portal, "check-removable", monkeypatch)
    assert "The replica serves as before." in early.remedy
    assert (replica().state, replica().removal_begun) == (ReplicaState.VERIFIED, False)
    assert difference(installed, census(hosts)) == {}

    late = stopped(portal, "undo-configure-dns", monkeypatch)
    assert "The replica no longer serves" in late.remedy
    assert (replica().state, replica().condition) == (ReplicaState.STOPPED, "Removal stopped")
    assert difference(installed, census(hosts)) != {}

    succeeded(portal, portal.retry(late))
    assert replica().state == ReplicaState.REMOVED
    assert difference(blank, census(hosts)) == {}

"""A replica of the same name that nobody removed before its machine went: nothing here is recorded."""

from __future__ import annotations

import pytest

from lab.freeipa import FreeIpaLab
from replicas.actions.undo import undo
from replicas.choices import ReplicaState, RunState
from replicas.models import Replica
from tests.freeipa.test_life import NAME, WITHOUT_AUTHORITY, certified, look, succeeded
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.freeipa


def forget(hosts: FreeIpaLab) -> None:
    """The machine is another one, and the replica on the old one was not made by this portal."""
    hosts.reset(hosts.host(NAME))
    Replica.objects.update(state=ReplicaState.REMOVED)


def test_an_earlier_replica_of_the_name_makes_way_only_when_asked(portal: Portal, hosts: FreeIpaLab) -> None:
    portal.register(backend="freeipa")
    certified(hosts)
    succeeded(portal, portal.install(NAME, **WITHOUT_AUTHORITY))
    forget(hosts)
    certified(hosts)

    refused = portal.install(NAME, **WITHOUT_AUTHORITY)
    assert refused.state == RunState.FAILED
    for left in ("the server entry", "the domain segment", "the enrolled host"):
        assert left in refused.error
    assert "remove what is left of an earlier replica" in refused.remedy
    succeeded(portal, portal.work(portal.approve(undo(portal.operator, replica(), "asked for with another option"))))
    before = look(portal).health
    assert before is not None
    assert NAME in {server["name"] for server in before["servers"]}

    made = portal.install(NAME, leftovers_reason="Its machine burnt down.", **WITHOUT_AUTHORITY)
    succeeded(portal, made)
    told = portal.log(made)
    # Its host goes with the server, or after it, as the release has it.
    for done in ("Because: Its machine burnt down.", f"Removed the server {NAME}", f"the host {NAME} with a one-time"):
        assert done in told, told
    assert b"RUNNING" in hosts.host(NAME).run(["ipactl", "status"]).stdout


def replica() -> Replica:
    return Replica.objects.latest("pk")

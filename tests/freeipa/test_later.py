"""What a verified replica can become, in a realm of FreeIPA with its own servers: nothing here is recorded.

The realm has no authority and no name service; so CA, KRA and what name servers say are in `test_roles.py`.
"""

from __future__ import annotations

import pytest

from lab.freeipa import FreeIpaLab
from replicas.actions.later import add_agreement, announce, hide, reinitialize
from replicas.actions.undo import remove
from replicas.errors import Conflict
from replicas.models import Plan, Replica, Run
from tests.freeipa.test_life import NAME, WITHOUT_AUTHORITY, look, succeeded
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.freeipa
SECOND = "ipareplica2.example.com"
FILE = "/root/server.pem"


def certified(hosts: FreeIpaLab, name: str) -> None:
    """Somebody put the server's certificate on the host."""
    hosts.host(name).write(FILE, hosts.authority.server(name), mode=0o600)


def done(portal: Portal, plan: Plan) -> Run:
    """Approved and run to its end."""
    run = portal.work(portal.approve(plan))
    succeeded(portal, run)
    return run


def replica(name: str) -> Replica:
    return Replica.objects.get(hostname=name)


def roles(hosts: FreeIpaLab, name: str) -> str:
    """As the server itself has them."""
    host = hosts.master
    host.run(["kinit", "admin"], input=f"{hosts.secrets.admin}\n".encode())
    return host.run(["ipa", "server-role-find", f"--server={name}", "--include-master"]).stdout.decode()


def test_a_replica_is_hidden_announced_joined_with_another_and_initialized_anew(
    portal: Portal, hosts: FreeIpaLab
) -> None:
    master = portal.register(backend="freeipa").hostname
    certified(hosts, NAME)
    succeeded(portal, portal.install(NAME, **WITHOUT_AUTHORITY))

    done(portal, hide(portal.operator, replica(NAME)))
    assert replica(NAME).hidden_replica is True
    assert "Role status: hidden" in roles(hosts, NAME)
    with pytest.raises(Conflict, match="hidden already"):
        hide(portal.operator, replica(NAME))
    done(portal, announce(portal.operator, replica(NAME)))
    assert replica(NAME).hidden_replica is False
    assert "Role status: hidden" not in roles(hosts, NAME)

    certified(hosts, SECOND)
    succeeded(portal, portal.install(SECOND, **WITHOUT_AUTHORITY))
    health = look(portal).health
    assert health is not None
    (suggested,) = health["suggested"]
    assert {suggested["one"], suggested["other"]} == {NAME, SECOND}
    run = done(portal, add_agreement(portal.operator, replica(NAME), suffix="domain", partner=SECOND))
    for one, other in ((NAME, SECOND), (SECOND, NAME)):
        assert f"A write on {one} was on {other}" in portal.log(run)
    health = look(portal).health
    assert health is not None
    assert not health["suggested"]
    assert len(health["agreements"]) == 6

    run = done(portal, reinitialize(portal.operator, replica(NAME), suffix="domain", partner=master))
    assert "Total update succeeded" in portal.log(run)
    assert f"A write on {master} was on {NAME}" in portal.log(run)

    done(portal, remove(portal.operator, replica(SECOND), "no longer needed"))

"""One life of a replica in a live realm of FreeIPA: the part of these tests that every run of script/test has."""

from __future__ import annotations

import pytest

from lab.freeipa import FreeIpaLab
from lab.host import Host
from replicas.actions.undo import remove
from replicas.backends.freeipa.installer_options import OFFER, names
from replicas.choices import ReplicaState
from replicas.models import LogLine, Replica, Run
from tests.freeipa.asking import suppliers, told
from tests.freeipa.test_life import NAME, WITHOUT_AUTHORITY, certified, ended, look, reach_the_middle, succeeded, wait
from tests.hosts.conftest import Portal
from tests.replicas.backends.freeipa.installer_help import PROGRAMS, RECORDED, REPLICA, unknown, unused
from tests.replicas.lifecycle.processes import Workers

pytestmark = pytest.mark.freeipa
LIFE_SECONDS = 2400.0
"""How long an installation or a removal may take on a busy machine; an idle one needs three minutes."""


def help_of(host: Host, program: str) -> set[str]:
    return names(host.run([f"/usr/sbin/{program}", "--help"]).stdout.decode())


def installed_and_watched(portal: Portal, workers: Workers, run: Run) -> None:
    """Let one worker begin, kill it in the middle of the installer, and let another one finish."""
    first = workers.start()
    reach_the_middle(run)
    first.kill()
    first.join()
    workers.start()
    wait(lambda: ended(run), LIFE_SECONDS)
    succeeded(portal, run)


def healthy(portal: Portal, hosts: FreeIpaLab) -> bool:
    """Whether a health check finds both servers and the agreements between them."""
    seen = look(portal)
    if seen.error or seen.health is None:
        return False
    servers = {server["name"] for server in seen.health["servers"]}
    return servers == {hosts.master.name, NAME} and len(seen.health["agreements"]) == 2


def test_the_installers_have_the_options_that_the_portal_expects(hosts: FreeIpaLab) -> None:
    """By their own help; what was recorded of this version is what they say today."""
    host, version = hosts.host(NAME), hosts.version
    listed = {program: help_of(host, program) for program in PROGRAMS}
    assert unknown(version, listed) == {}
    assert unused(version, listed) == set()
    recorded = RECORDED.get(version, listed)
    assert listed == {program: set(options) for program, options in recorded.items()}


def test_a_replica_lives_through_a_killed_worker_and_is_removed(
    portal: Portal, hosts: FreeIpaLab, workers: Workers
) -> None:
    master = portal.register(backend="freeipa")
    assert master.versions["FreeIPA"] == hosts.version
    assert master.offers is not None
    assert set(master.offers[OFFER]) == help_of(hosts.master, REPLICA)
    certified(hosts)
    run = portal.approve(portal.ask(NAME, subid=True, **WITHOUT_AUTHORITY))

    installed_and_watched(portal, workers, run)
    assert LogLine.objects.filter(run=run, text__contains="creating directory server instance").count() == 1
    assert Replica.objects.get().state == ReplicaState.VERIFIED
    assert b"'subid': True" in hosts.host(NAME).run(["cat", "/var/log/ipaclient-install.log"]).stdout
    wait(lambda: healthy(portal, hosts))

    removal = portal.approve(remove(portal.operator, Replica.objects.get(), "no longer needed"))
    wait(lambda: ended(removal), LIFE_SECONDS)
    succeeded(portal, removal)
    assert Replica.objects.get().state == ReplicaState.REMOVED
    for command in ("server-find", "host-find"):
        assert NAME not in told(hosts, "ipa", command, "--pkey-only")
    assert not suppliers(hosts, NAME)
    assert hosts.host(NAME).run(["ls", "/etc/ipa/default.conf"], check=False).returncode != 0

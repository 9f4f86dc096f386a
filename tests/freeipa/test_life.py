"""The whole life of a replica in a realm of FreeIPA, with its own servers and installers: nothing here is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab.freeipa import FreeIpaLab
from replicas.actions.resubmit import resubmit
from replicas.actions.retry import retry
from replicas.actions.submit import submit
from replicas.actions.undo import remove
from replicas.choices import BundleState, ReplicaState, RunState, StepState
from replicas.errors import WrongPassword
from replicas.lifecycle import looking
from replicas.models import Bundle, LogLine, Master, Realm, RealmLook, Replica, Run, StepRun
from replicas.uploads import together
from replicas.uploads.reading import read
from replicas.uploads.together import authorities
from tests.freeipa import asking
from tests.hosts.conftest import Portal
from tests.replicas.lifecycle.processes import Workers

pytestmark = pytest.mark.freeipa
NAME = "ipareplica.example.com"
FILE = "/root/server.pem"
ALONE = ("no_pkinit", "no_ntp", "skip_mem_check")
WITHOUT_AUTHORITY = {
    "dirsrv_cert_file": FILE,
    "http_cert_file": FILE,
    "no_ntp": True,
    "skip_mem_check": True,
    "no_pkinit": True,
}
RUN_SECONDS = 1200.0


def wait(condition: Callable[[], object], seconds: float = RUN_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def certified(hosts: FreeIpaLab) -> None:
    """Somebody put the server's certificate on the host."""
    hosts.host(NAME).write(FILE, hosts.authority.server(NAME), mode=0o600)


def succeeded(portal: Portal, run: Run) -> None:
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}\n{portal.log(run)}"


def ended(run: Run) -> bool:
    run.refresh_from_db()
    return run.state in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


def look(portal: Portal) -> RealmLook:
    realm = Realm.objects.get()
    assert looking.claim(realm, 0)
    looking.look(realm)
    return RealmLook.objects.get(realm=realm)


INSTANCE, REPLICATION = "[5/", "Starting replication, please wait"
"""The installer makes the Directory Server's instance; it has an agreement on the master, and no entry there yet."""


def reach_the_middle(run: Run, said: str = INSTANCE) -> None:
    """Until the installer has said that."""
    step = StepRun.objects.get(run=run, key="promote-replica")
    wait(lambda: StepRun.objects.filter(pk=step.pk, state=StepState.RUNNING).exists() or ended(run))
    wait(lambda: LogLine.objects.filter(run=run, step=step.index, text__contains=said).exists() or ended(run))
    assert not ended(run)


def test_a_wrong_password_registers_nothing(portal: Portal) -> None:
    with pytest.raises(WrongPassword):
        portal.register(backend="freeipa", admin="wrong-password")
    assert not Realm.objects.exists()


def test_a_replica_is_installed_removed_and_installed_again(
    portal: Portal, hosts: FreeIpaLab, workers: Workers
) -> None:
    master = portal.register(backend="freeipa")
    assert (master.realm.name, master.realm.dns, master.ca) == ("EXAMPLE.COM", False, False)
    certified(hosts)

    installed = portal.install(NAME, **WITHOUT_AUTHORITY)
    succeeded(portal, installed)
    assert Replica.objects.get().state == ReplicaState.VERIFIED
    assert b"RUNNING" in hosts.host(NAME).run(["ipactl", "status"]).stdout

    seen = look(portal)
    assert not seen.error
    assert seen.health is not None
    assert {server["name"] for server in seen.health["servers"]} == {hosts.master.name, NAME}
    assert len(seen.health["agreements"]) == 2

    removed = portal.work(portal.approve(remove(portal.operator, Replica.objects.get(), "no longer needed")))
    succeeded(portal, removed)
    assert hosts.host(NAME).run(["ls", "/etc/ipa/default.conf"], check=False).returncode != 0

    run = portal.approve(resubmit(portal.operator, Replica.objects.get(), "needed after all"))
    killed = workers.start()
    reach_the_middle(run)
    killed.kill()
    killed.join()
    workers.start()
    wait(lambda: ended(run))
    succeeded(portal, run)
    assert LogLine.objects.filter(run=run, text__contains="creating directory server instance").count() == 1


def test_a_retry_takes_back_what_is_half_installed_and_begins_anew(
    portal: Portal, hosts: FreeIpaLab, workers: Workers
) -> None:
    """With certificates that were uploaded, and are uploaded once more for the retry: they were wiped with the run."""
    master = portal.register(backend="freeipa")
    asked, given = uploaded(hosts, master)
    run = portal.approve(submit(portal.operator, asked, given))
    worker, host = workers.start(), hosts.host(NAME)
    reach_the_middle(run, REPLICATION)
    host.cut_power()
    host.boot()
    host.wait()
    wait(lambda: ended(run))
    worker.kill()
    worker.join()
    assert run.state == RunState.FAILED
    assert "half installed" in f"{run.error} {run.remedy}"

    retry(portal.operator, run, "it has power again", given)
    succeeded(portal, portal.work(run))
    told = portal.log(run)
    assert "taking it back, to begin anew" in told
    assert f"Removed on {hosts.master.name}: cn=meTo{NAME}" in told
    assert "another one takes its place" in told
    assert Replica.objects.get().state == ReplicaState.VERIFIED
    assert b"RUNNING" in host.run(["ipactl", "status"]).stdout
    assert [bundle.state for bundle in Bundle.objects.order_by("pk")] == [BundleState.REVOKED, BundleState.USED]
    shown = host.run(["sh", "-c", f"openssl s_client -connect {NAME}:443 </dev/null | openssl x509 -noout -issuer"])
    assert b"Lab Authority" in shown.stdout


def uploaded(hosts: FreeIpaLab, master: Master) -> tuple[Replica, dict[str, str]]:
    """A request with the certificate that the lab's authority issues, for both services, and what was uploaded."""
    files = [("server.pem", hosts.authority.server(NAME).encode())]
    pem = read(files, trusted=authorities(master.realm)).pem()
    given = {"dirsrv_certificate": pem, "http_certificate": pem}
    asked = Replica(
        hostname=NAME,
        ssh_address=str(hosts.host(NAME).address),
        master=master,
        certificates=together.check(given, NAME, master.realm),
        **dict.fromkeys(ALONE, True),
    )
    return asked, given


def test_zones_that_nobody_serves_are_kept_in_order(portal: Portal, hosts: FreeIpaLab) -> None:
    """The realm writes into them, and has no name server; so people are told what theirs has to have."""
    asking.add_zones(hosts)
    master = portal.register(backend="freeipa")
    assert master.realm.dns
    certified(hosts)
    host = hosts.host(NAME)

    run = portal.install(NAME, ip_addresses=[str(host.address)], **WITHOUT_AUTHORITY)
    succeeded(portal, run)
    ldap = f"_ldap._tcp.example.com. 3600 IN SRV 0 100 389 {NAME}."
    assert ldap in run.facts["missing_records"]
    assert f"0 100 389 {NAME}." in asking.records(hosts, "example.com")
    assert f"PTR record: {NAME}." in asking.records(hosts, asking.reverse_zone(str(host.address)))

    run = portal.work(portal.approve(remove(portal.operator, Replica.objects.get(), "no longer needed")))
    succeeded(portal, run)
    asking.assert_nothing_leads_to(hosts, host)
    assert f"No name server was asked about {NAME}." in portal.log(run)
    assert ldap in portal.log(run)

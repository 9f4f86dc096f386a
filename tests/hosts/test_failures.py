"""What goes wrong on real hosts: each ends in a clear message, and nothing that a second try would trip over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.core.exceptions import ValidationError

from lab import Host, Lab
from replicas.actions import submit
from replicas.choices import ReplicaState, RunState
from replicas.errors import Conflict, HostUnreachable, WrongPassword
from replicas.models import Master, Plan, Replica, Run
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
REPLICA = "ipareplica.example.com"
CERTIFICATES = "/var/lib/ipa/ca/index.txt"
BUNDLE = f"/var/lib/ipa/replica-info-{REPLICA}.gpg"


def failed(run: Run, *words: str) -> None:
    """The run failed, and its message and remedy have all these words."""
    assert run.state == RunState.FAILED, run.state
    assert run.remedy
    for word in words:
        assert word in f"{run.error} {run.remedy}"
    assert Replica.objects.get().state == ReplicaState.FAILED


@contextmanager
def blocked(host: Host, port: int, protocol: str) -> Iterator[None]:
    host.block(port, protocol)  # type: ignore[arg-type]
    try:
        yield
    finally:
        host.unblock()


@contextmanager
def without_reverse_zones(master: Host) -> Iterator[None]:
    path = "/etc/bind/named.conf.local"
    before = master.read(path)
    kept = before.split("\nzone ")
    master.run(["tee", path], input="\nzone ".join(part for part in kept if ".arpa" not in part).encode())
    master.run(["rndc", "reconfig"])
    try:
        yield
    finally:
        master.run(["tee", path], input=before.encode())
        master.run(["rndc", "reconfig"])


@contextmanager
def full(replica: Host, folder: str) -> Iterator[None]:
    replica.run(["mkdir", "--parents", folder])
    replica.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder])
    try:
        yield
    finally:
        replica.run(["umount", folder])


def test_one_request_survives_everything_that_goes_wrong_on_the_way(portal: Portal, hosts: Lab) -> None:
    """Each cause ends in its own message; after it is gone, a retry gets further, and in the end it verifies."""
    master, replica = hosts.master, hosts.host(REPLICA)
    portal.register()
    run = portal.approve(portal.ask(ip_addresses=[str(replica.address), str(replica.address6)]))
    before = master.read(CERTIFICATES)

    portal.set_passwords(directory_manager="not-the-password")
    failed(portal.work(run), "Directory Manager", "password")
    assert master.read(CERTIFICATES) == before
    portal.set_passwords(directory_manager=hosts.secrets.directory_manager)

    with blocked(replica, 22, "tcp"):
        failed(portal.retry(run), REPLICA, str(replica.address), "22")

    with full(replica, "/var/lib/ipa"):
        failed(portal.retry(run), "/var/lib/ipa", REPLICA, "Free space")

    with without_reverse_zones(master):
        failed(portal.retry(run), "reverse zone")
        assert master.run(["dig", "+short", "@127.0.0.1", REPLICA]).stdout == b""

    for host, port, protocol, way in (
        (master, 389, "tcp", "from replica to master"),
        (master, 88, "udp", "from replica to master"),
        (replica, 636, "tcp", "from master to replica"),
        (replica, 464, "udp", "from master to replica"),
    ):
        with blocked(host, port, protocol):
            failed(portal.retry(run), f"{port} ({protocol.upper()})", way)
        assert "FAILED" in portal.log(run)
        assert not listening(replica, port)

    run = portal.retry(run)
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
    assert Replica.objects.get().state == ReplicaState.VERIFIED
    certificates = master.read(CERTIFICATES).splitlines()
    assert len(certificates) == len(before.splitlines()) + 2
    agreements = master.run(
        ["dsconf", "EXAMPLE-COM", "repl-agmt", "list", "--suffix", "dc=example,dc=com"]
    ).stdout.decode()
    assert agreements.count(f"nsDS5ReplicaHost: {REPLICA}") == 1


def listening(host: Host, port: int) -> bool:
    return f":{port} " in host.run(["ss", "--no-header", "-lntu"]).stdout.decode()


@pytest.fixture
def waiting(portal: Portal, hosts: Lab) -> Callable[..., Plan]:
    portal.register()
    return lambda **options: portal.ask(**({"ip_addresses": [str(hosts.host(REPLICA).address)]} | options))


def test_a_bundle_that_was_cut_off_is_made_again(portal: Portal, hosts: Lab, waiting: Callable[..., Plan]) -> None:
    run = portal.approve(waiting())
    with blocked(hosts.master, 389, "tcp"):
        failed(portal.work(run), "389 (TCP)")
    for host in (hosts.master, hosts.host(REPLICA)):
        host.run(["truncate", "--size=-100", BUNDLE])
    run = portal.retry(run)
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"


def test_a_name_that_the_master_cannot_resolve(portal: Portal, waiting: Callable[..., Plan]) -> None:
    run = portal.work(portal.approve(waiting(ip_addresses=[])))
    failed(run, f"cannot resolve {REPLICA}", "IP addresses in the request")


def test_a_replica_that_exists_already(portal: Portal, hosts: Lab, waiting: Callable[..., Plan]) -> None:
    entry = f"dn: cn={REPLICA},cn=masters,cn=ipa,cn=etc,dc=example,dc=com\nobjectClass: nsContainer\nobjectClass: top\n"
    hosts.master.run(
        ["ldapadd", "-Y", "EXTERNAL", "-H", "ldapi://%2frun%2fslapd-EXAMPLE-COM.socket"], input=entry.encode()
    )
    before = hosts.master.read(CERTIFICATES)
    run = portal.work(portal.approve(waiting()))
    failed(run, "already exists", f"cn={REPLICA},cn=masters", "remove")
    assert hosts.master.read(CERTIFICATES) == before


def test_a_second_request_for_the_same_host(portal: Portal, waiting: Callable[..., Plan]) -> None:
    waiting()
    with pytest.raises(Conflict, match=f"for {REPLICA} already"):
        waiting()


def test_a_host_that_cannot_be_reached_is_said_when_asking(
    portal: Portal, hosts: Lab, waiting: Callable[..., Plan]
) -> None:
    with (
        blocked(hosts.host(REPLICA), 22, "tcp"),
        pytest.raises(HostUnreachable, match=str(hosts.host(REPLICA).address)),
    ):
        waiting()
    assert not Replica.objects.exists()


def test_a_wrong_password_is_said_when_registering(portal: Portal) -> None:
    with pytest.raises(WrongPassword):
        portal.register(directory_manager="not-the-password")
    assert not Master.objects.exists()


def test_another_host_key_than_the_compared_one_is_refused(portal: Portal, hosts: Lab) -> None:
    with pytest.raises(Conflict, match="not the one that you compared"):
        portal.register(fingerprint=hosts.host(REPLICA).fingerprint)
    assert not Master.objects.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("IPAreplica.example.com", ["all lower-case", "Did you mean ipareplica.example.com?"]),
        ("ipa_replica.example.com", ["underscore", "DNS failures", "Did you mean ipa-replica.example.com?"]),
    ],
)
def test_a_host_name_that_dns_does_not_take(portal: Portal, hosts: Lab, name: str, words: list[str]) -> None:
    portal.register()
    request = Replica(hostname=name, ssh_address=str(hosts.host(REPLICA).address), master=Master.objects.get())
    with pytest.raises(ValidationError) as caught:
        submit.submit(portal.operator, request)
    for word in words:
        assert word in " ".join(caught.value.message_dict["hostname"])
    assert not Replica.objects.exists()

"""Host keys that change, and hosts that let the portal in as a user with sudo."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import Host, Lab
from replicas.actions import host_keys
from replicas.choices import PlanState, ReplicaState, RunState
from replicas.clients import ssh
from replicas.errors import Conflict, HostKeyChanged
from replicas.models import HostKey, Plan, Replica
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
REPLICA = "ipareplica.example.com"
USER = "deploy"
KEY = "/etc/ssh/ssh_host_ed25519_key"
AUTHENTICATION = ("userauth-request", "Accepted ", "Failed ", "Invalid user")


@pytest.fixture
def waiting(portal: Portal, hosts: Lab) -> Callable[..., Plan]:
    portal.register()
    return lambda **options: portal.ask(**({"ip_addresses": [str(hosts.host(REPLICA).address)]} | options))


@pytest.fixture
def talkative(hosts: Lab) -> Host:
    """The replica's host, whose sshd tells of every message of an authentication."""
    host = hosts.host(REPLICA)
    host.write("/etc/ssh/sshd_config.d/talkative.conf", "LogLevel DEBUG2\n")
    host.run(["systemctl", "restart", "ssh"])
    return host


def change_key(host: Host) -> None:
    host.run(["rm", KEY, f"{KEY}.pub"])
    host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY])
    host.run(["systemctl", "restart", "ssh"])


def heard(host: Host, since: str) -> str:
    return host.run(["journalctl", "--unit=ssh", "--output=cat", f"--after-cursor={since}"]).stdout.decode()


def cursor(host: Host) -> str:
    shown = host.run(["journalctl", "--unit=ssh", "--lines=0", "--show-cursor"]).stdout.decode()
    return shown.rpartition("-- cursor: ")[2].strip()


def test_a_changed_key_stops_everything_until_it_is_accepted(
    portal: Portal, hosts: Lab, waiting: Callable[..., Plan], talkative: Host
) -> None:
    run = portal.approve(waiting())
    change_key(talkative)
    begun = cursor(talkative)
    run = portal.work(run)
    assert run.state == RunState.FAILED
    assert "is not the pinned one" in run.error
    told = heard(talkative, begun)
    assert "Connection from" in told, "the host was reached"
    assert not any(word in told for word in AUTHENTICATION), "and nothing was sent to it"

    known = HostKey.objects.get(hostname=REPLICA)
    presented = host_keys.fetch(str(talkative.address), 22)
    assert ssh.fingerprint(presented) in run.error
    with pytest.raises(HostKeyChanged):
        host_keys.pin(portal.operator, REPLICA, presented)
    host_keys.accept(portal.administrator, known, presented, ssh.fingerprint(presented), "Reinstalled")

    # The plan was approved for the old key: it says so instead of failing again and again.
    with pytest.raises(Conflict, match=f"approved for another host key of {REPLICA}"):
        portal.retry(run)
    Replica.objects.update(state=ReplicaState.CANCELLED)  # what undo ends in
    begun = cursor(talkative)
    run = portal.install(REPLICA, ip_addresses=[str(talkative.address)])
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
    assert "userauth-request" in heard(talkative, begun), "the silence above means something"


def test_a_plan_that_waits_is_not_approved_for_a_key_that_was_replaced(
    portal: Portal, hosts: Lab, waiting: Callable[..., Plan]
) -> None:
    plan = waiting()
    change_key(hosts.host(REPLICA))
    presented = host_keys.fetch(str(hosts.host(REPLICA).address), 22)
    known = HostKey.objects.get(hostname=REPLICA)
    host_keys.accept(portal.administrator, known, presented, ssh.fingerprint(presented), "Reinstalled")
    plan.refresh_from_db()
    assert plan.state == PlanState.VOID
    with pytest.raises(Conflict, match="Void"):
        portal.approve(plan)
    assert waiting().job["replica"]["host_key"] == presented


def let_in(host: Host, key: str) -> None:
    """A user who may do everything with sudo, as distributions for servers configure it; root may not sign in."""
    host.run(["useradd", "--create-home", "--shell", "/bin/bash", USER])
    host.write(f"/home/{USER}/.ssh/authorized_keys", key, mode=0o600, owner=f"{USER}:{USER}")
    host.run(["chown", f"{USER}:{USER}", f"/home/{USER}/.ssh"])
    rules = (
        f"Defaults:{USER} secure_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        f"Defaults:{USER} env_reset, use_pty, umask=0077\n"
        f"{USER} ALL=(ALL) NOPASSWD: ALL\n"
    )
    host.write(f"/etc/sudoers.d/{USER}", rules, mode=0o440)
    host.write("/etc/ssh/sshd_config.d/no-root.conf", "PermitRootLogin no\n")
    host.run(["systemctl", "restart", "ssh"])


def test_a_whole_life_as_a_user_with_sudo(portal: Portal, hosts: Lab) -> None:
    """Nothing needs root's own session: registering, sealing, copying, detached commands, authority and DNS."""
    key = hosts.ssh_key.with_suffix(".pub").read_text()
    replica = hosts.host(REPLICA)
    for host in (hosts.master, replica):
        let_in(host, key)
    portal.register(ssh_user=USER)
    options = {"setup_ca": True, "setup_dns": True, "no_forwarders": True, "ssh_user": USER}
    run = portal.install(REPLICA, ip_addresses=[str(replica.address), str(replica.address6)], **options)
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}\n{portal.log(run)}"
    signed_in = replica.run(["journalctl", "--unit=ssh", "--output=cat"]).stdout.decode()
    assert f"for {USER} from" in signed_in
    assert (
        replica.run(["find", f"/home/{USER}", "-newer", "/etc/ssh/sshd_config.d/no-root.conf", "-type", "f"]).stdout
        == b""
    )


def test_sudo_that_wants_a_terminal_is_named(portal: Portal, hosts: Lab) -> None:
    let_in(hosts.host(REPLICA), hosts.ssh_key.with_suffix(".pub").read_text())
    portal.register()
    hosts.host(REPLICA).write(
        f"/etc/sudoers.d/{USER}", f"Defaults:{USER} requiretty\n{USER} ALL=(ALL) NOPASSWD: ALL\n", mode=0o440
    )
    run = portal.install(REPLICA, ip_addresses=[str(hosts.host(REPLICA).address)], ssh_user=USER)
    assert run.state == RunState.FAILED
    assert "must have a tty" in run.error
    assert f"Defaults:{USER} !requiretty" in run.remedy

"""What a lab promises about its hosts."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Host, Lab, LabError, cgroups, check, mounts

pytestmark = pytest.mark.hosts

IDLE = ("apache2", "chrony", "krb5-admin-server", "krb5-kdc", "named")


@pytest.fixture
def other() -> Iterator[Lab]:
    """A second lab, that runs beside the first."""
    obstacle = check.missing()
    if obstacle:
        pytest.skip(obstacle)
    lab = Lab("test-other")
    lab.down()
    yield lab
    lab.down()


def connects(host: Host, port: int) -> bool:
    try:
        with socket.create_connection((str(host.address), port), timeout=0.5):
            return True
    except TimeoutError:
        return False


def remains(lab: Lab) -> list[str]:
    """Name everything on the machine that belongs to a lab."""
    bridge = lab.network.bridge
    devices = [path.name for path in Path("/sys/class/net").glob(f"{bridge}-*")]
    namespaces = [path.name for path in Path("/run/netns").glob(f"{bridge}-*")]
    points = [str(point) for point in mounts.mounted(lab.state)]
    bridges = [bridge] if Path("/sys/class/net", bridge).exists() else []
    return [*devices, *namespaces, *points, *bridges, *cgroups.names(f"{bridge}-")]


def test_blank_host_runs_nothing_but_sshd(blank: Host) -> None:
    listening = blank.run(["ss", "--no-header", "--listening", "--numeric", "--tcp", "--udp"]).stdout.decode()
    assert {line.split()[4].rpartition(":")[2] for line in listening.splitlines()} == {"22"}
    for service in IDLE:
        assert blank.run(["systemctl", "is-enabled", service], check=False).stdout == b"disabled\n"
    for path in ("/etc/krb5.conf", "/etc/dirsrv/slapd-EXAMPLE-COM", "/etc/ipa"):
        assert blank.run(["test", "-e", path], check=False).returncode == 1


def test_ssh_shows_the_announced_key(lab: Lab, blank: Host, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"{blank.address} {blank.public_key}\n")
    options = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]
    login = ["ssh", "-i", str(lab.ssh_key), *options, f"root@{blank.address}", "hostname"]
    result = subprocess.run(login, capture_output=True, check=True, text=True)
    assert result.stdout == "ipareplica.example.com\n"
    assert blank.fingerprint.startswith("SHA256:")


def test_reset_forgets_what_was_written_and_keeps_the_key(lab: Lab, blank: Host) -> None:
    fingerprint = blank.fingerprint
    blank.write("/etc/krb5.conf", "[libdefaults]\n")
    blank.run(["systemctl", "enable", "--now", "apache2"])
    lab.reset(blank)
    test_blank_host_runs_nothing_but_sshd(blank)
    assert blank.fingerprint == fingerprint


def test_services_of_different_hosts_stop_apart(master: Host, blank: Host) -> None:
    blank.run(["systemctl", "start", "apache2"])
    started = time.monotonic()
    blank.run(["systemctl", "stop", "apache2"])
    assert time.monotonic() - started < 5
    assert master.run(["systemctl", "is-active", "apache2"]).stdout == b"active\n"


def test_blocked_port_is_silent_until_unblocked(master: Host, blank: Host) -> None:
    assert connects(master, 389)
    master.block(389)
    assert not connects(master, 389)
    assert connects(master, 636)
    master.unblock()
    assert connects(master, 389)
    blank.block(389, direction="out")
    reach = ["bash", "-c", "exec 3<>/dev/tcp/ipaserver.example.com/389"]
    assert blank.run(["timeout", "1", *reach], check=False).returncode == 124
    blank.unblock()
    blank.run(["timeout", "1", *reach])


def test_master_without_name_server(lab: Lab, other: Lab) -> None:
    other.up(replicas=1, dns=False)
    assert other.network.subnet != lab.network.subnet
    assert other.master.run(["systemctl", "is-active", "named"], check=False).stdout == b"inactive\n"
    other.host("ipareplica").run(["getent", "hosts", "ipaserver.example.com"])
    other.master.run(["kinit", "admin"], input=f"{other.secrets.admin}\n".encode())


def test_down_leaves_nothing(other: Lab) -> None:
    other.up(replicas=1, dns=False)
    assert remains(other)
    other.down()
    assert remains(other) == []
    other.down()


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6, 1.0])
def test_lab_comes_up_after_it_was_killed(other: Lab, seconds: float) -> None:
    other.down()
    command = [sys.executable, "-m", "lab", "--name", other.name, "up", "--no-dns"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    other.up(replicas=1, dns=False)
    for host in other.hosts:
        assert host.run(["hostname"]).stdout == f"{host.name}\n".encode()
    other.master.run(["kinit", "admin"], input=f"{other.secrets.admin}\n".encode())


def test_host_comes_up_after_its_supervisor_was_killed(other: Lab) -> None:
    other.up(replicas=1, dns=False)
    blank = other.host("ipareplica")
    assert blank.leader is not None
    os.kill(int(Path(f"/proc/{blank.leader}/stat").read_text().split()[3]), signal.SIGKILL)
    assert not blank.running
    other.up(replicas=1, dns=False)
    assert blank.running


@pytest.mark.parametrize("name", ["", "Test", "../test", "cache"])
def test_improper_name_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="no name for a lab"):
        Lab(name)

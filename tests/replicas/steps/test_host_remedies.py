"""What is advised about a host's own files names lines that were read there, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from lab import Host, Lab
from replicas.clients import queries
from replicas.errors import StepError
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import host_advice, host_checks, name_checks
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
NAME, NSSWITCH = "ipareplica.example.com", "/etc/nsswitch.conf"


@pytest.fixture
def hosts_file(lab: Lab) -> Iterator[Callable[[Host, str], None]]:
    """Add lines to the front of /etc/hosts of a host."""
    before = [(host, host.read("/etc/hosts"), host.read("/etc/nsswitch.conf")) for host in lab.hosts[:2]]
    known = {host.name: text for host, text, _ in before}
    yield lambda host, lines: host.write("/etc/hosts", lines + known[host.name])
    for host, text, services in before:
        host.write("/etc/hosts", text)
        host.write("/etc/nsswitch.conf", services)


async def test_a_loopback_line(
    lab: Lab, context: Callable[..., KeptContext], hosts_file: Callable[[Host, str], None]
) -> None:
    hosts_file(lab.hosts[1], f"# 127.0.1.1 {NAME}\n127.0.0.1 {NAME} localhost\n")
    with pytest.raises(StepError, match=f"{NAME} resolves its own name to") as caught:
        await host_advice.own_name(context())
    assert caught.value.remedy == f'Take the name off line 2 ("127.0.0.1 {NAME} localhost") of /etc/hosts on {NAME}.'


async def test_an_address_from_elsewhere_than_the_master_expects(
    lab: Lab, context: Callable[..., KeptContext], hosts_file: Callable[[Host, str], None]
) -> None:
    hosts_file(lab.master, f"192.0.2.77 {NAME}\n")
    with pytest.raises(StepError, match=r"192\.0\.2\.77") as caught:
        await host_checks.resolvable(context())
    assert caught.value.remedy == f'Correct line 1 ("192.0.2.77 {NAME}") of /etc/hosts on {lab.master.name}.'


@pytest.mark.parametrize("which", [0, 1])
async def test_a_line_that_counts_before_the_records_of_the_run(
    lab: Lab, context: Callable[..., KeptContext], hosts_file: Callable[[Host, str], None], which: int
) -> None:
    host, own = lab.hosts[which], (str(lab.hosts[1].address),)
    await host_checks.resolvable(context(ip_addresses=own))
    hosts_file(host, f"# 192.0.2.76 {NAME}\nx {NAME}\n192.0.2.77 old {NAME}\n")
    with pytest.raises(StepError, match=rf"{host.name} takes {NAME} for 192\.0\.2\.77") as caught:
        await host_checks.resolvable(context(ip_addresses=own))
    assert caught.value.remedy.startswith(f'Correct line 3 ("192.0.2.77 old {NAME}") of /etc/hosts on {host.name}')


async def test_a_loopback_line_on_the_master(
    lab: Lab, context: Callable[..., KeptContext], hosts_file: Callable[[Host, str], None]
) -> None:
    """The master would take the replica for itself. On the replica, such a line is another check's."""
    own = (str(lab.hosts[1].address),)
    hosts_file(lab.hosts[1], f"127.0.1.1 {NAME}\n")
    await host_checks.resolvable(context(ip_addresses=own))
    hosts_file(lab.master, "127.0.1.1\tIPAreplica.Example.com\tipareplica\n")
    with pytest.raises(StepError, match=rf"{lab.master.name} takes {NAME} for 127\.0\.1\.1") as caught:
        await host_checks.resolvable(context(ip_addresses=own))
    assert caught.value.remedy.startswith("Correct line 1 ")


async def test_a_new_host_whose_name_does_not_resolve_yet(
    lab: Lab, context: Callable[..., KeptContext], hosts_file: Callable[[Host, str], None]
) -> None:
    """The run adds its records, so its own name is that which it was given."""
    host = lab.hosts[1]
    host.write("/etc/hosts", "127.0.0.1 localhost\n")
    assert host.run(["hostname", "--fqdn"], check=False).returncode
    assert await host_checks.hosts(context()) == f"The replica host is {NAME}"
    host.run(["hostname", "ipareplica"])
    try:
        with pytest.raises(StepError, match=f"calls itself ipareplica, not {NAME}"):
            await host_checks.hosts(context())
    finally:
        host.run(["hostname", NAME])


async def test_a_master_that_does_not_resolve(lab: Lab, context: Callable[..., KeptContext]) -> None:
    """The advice follows from the name servers that the replica's resolv.conf names."""
    host, before, services = lab.hosts[1], lab.hosts[1].read("/etc/resolv.conf"), lab.hosts[1].read(NSSWITCH)
    try:
        host.write(NSSWITCH, "hosts: files\n")
        with pytest.raises(StepError, match=f"{NAME} cannot resolve {lab.master.name}") as caught:
            await host_checks.resolvable(context())
        assert f"{NAME} asks {lab.master.address} (/etc/resolv.conf)" in caught.value.remedy
        assert "Name the realm's" not in caught.value.remedy
        host.write("/etc/resolv.conf", "# nameserver 192.0.2.1\nsearch example.com\noptions ndots:1\n")
        with pytest.raises(StepError) as caught:
            await host_checks.resolvable(context())
        assert caught.value.remedy.startswith("Name the realm's name server in /etc/resolv.conf")
    finally:
        host.write("/etc/resolv.conf", before)
        host.write(NSSWITCH, services)


async def test_an_address_that_no_file_has(lab: Lab, context: Callable[..., KeptContext]) -> None:
    """As nss-myhostname gives it: there is no line to be changed."""
    wanted = context()
    remedy = host_advice._own_name_remedy(wanted, {}, ["127.0.1.1"])
    assert "/etc/nsswitch.conf" in remedy
    assert "Take" not in remedy


async def test_a_line_that_counts_before_the_record_to_come(
    lab: Lab, context: Callable[..., KeptContext], hosts_file: Callable[[Host, str], None]
) -> None:
    """The run adds a PTR record for the address, which the host itself would not ask for."""
    address = str(lab.hosts[1].address)
    hosts_file(lab.hosts[1], f"{address} printer.example.net {NAME} # old\n")
    for options in ({}, {"ip_addresses": (address,)}):
        with pytest.raises(StepError, match=rf"{address} resolves back to printer\.example\.net") as caught:
            await name_checks.reverse(context(**options))
        assert f'correct "{address} printer.example.net {NAME} # old" in its /etc/hosts' in caught.value.remedy
    hosts_file(lab.hosts[1], f"{address} {NAME} printer.example.net\n")
    assert address in await name_checks.reverse(context())


async def test_name_servers_that_do_not_answer(lab: Lab, context: Callable[..., KeptContext]) -> None:
    """A host waits for them for seconds, not for half a minute for each name."""
    host, before = lab.hosts[1], lab.hosts[1].read("/etc/resolv.conf")
    listen = "import socket, time; s = socket.socket(type=2); s.bind(('127.0.0.9', 53)); time.sleep(600)"
    host.run(["systemd-run", "--unit=silent", "/usr/bin/python3", "-c", listen])
    host.write("/etc/resolv.conf", "nameserver 127.0.0.9\n")
    wanted = context(ip_addresses=(str(host.address), str(host.address6), "192.0.2.10", "192.0.2.11"))
    try:
        start = time.monotonic()
        answer = await name_checks.names(wanted, "replica")
        assert answer["alias"] == ""
        assert await queries.addresses_of(await wanted.host("replica"), "www.example.org") == ()
        assert time.monotonic() - start < 25
    finally:
        host.run(["systemctl", "stop", "silent"], check=False)
        host.write("/etc/resolv.conf", before)


@pytest.mark.parametrize(
    ("names", "line", "wrong"),
    [
        (["other.example.com", NAME], "", "other.example.com"),
        ([NAME, "other.example.com"], "", "other.example.com"),
        (["IPAreplica.Example.com."], "", ""),
        ([NAME, "ipareplica"], f"192.0.2.5 {NAME} ipareplica", ""),
        (["ipareplica", NAME], f"192.0.2.5 ipareplica {NAME}", "ipareplica"),
        ([], "", ""),
    ],
)
async def test_an_address_with_several_names(
    context: Callable[..., KeptContext], names: list[str], line: str, wrong: str
) -> None:
    """Name servers answer with several PTR records in any order; a line of /etc/hosts has one name that counts."""
    job: Job = context().job
    found = name_checks.wrong_names(job, {"192.0.2.5": names}, {"192.0.2.5": line} if line else {})
    assert found == ({"192.0.2.5": wrong} if wrong else {})

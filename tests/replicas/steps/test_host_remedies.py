"""What is advised about a host's own files names lines that were read there, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab import Host, Lab
from replicas.errors import StepError
from replicas.lifecycle.steps import host_advice, host_checks
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"


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


async def test_an_address_that_no_file_has(lab: Lab, context: Callable[..., KeptContext]) -> None:
    """As nss-myhostname gives it: there is no line to be changed."""
    wanted = context()
    remedy = host_advice._own_name_remedy(wanted, {}, ["127.0.1.1"])
    assert "/etc/nsswitch.conf" in remedy
    assert "Take" not in remedy

"""Listeners on a real host: each is named with its port, its process and its unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from lab import Host, Lab
from replicas.backends.freeipa import checks as freeipa
from replicas.backends.native import checks as native
from replicas.errors import StepError
from replicas.lifecycle.steps import free_ports
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
Start = Callable[[str, int, str, str], None]
ANY = "0.0.0.0"  # noqa: S104 - that is what others do
LISTEN = """\
import socket, sys, time
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
opened = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
# What the connection check closed just before waits for its last packets for a minute.
opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
opened.bind((address, port))
kind == "tcp" and opened.listen()
time.sleep(600)
"""


@pytest.fixture
def start(lab: Lab) -> Iterator[Start]:
    """Start a program of that name in a unit, which listens on a port of an address."""
    host, names = lab.hosts[1], list[str]()

    def run(name: str, port: int, address: str, kind: str) -> None:
        path = f"/usr/local/lib/{name}"
        host.run(["cp", "/usr/bin/python3", path])
        host.run(["systemd-run", f"--unit=test-{name}", path, "-c", LISTEN, kind, address, str(port)])
        names.append(name)
        wait(host, port)

    yield run
    for name in names:
        host.run(["systemctl", "stop", f"test-{name}"], check=False)
        host.run(["rm", "-f", f"/usr/local/lib/{name}"])


def wait(host: Host, port: int) -> None:
    host.run(["sh", "-c", f"until ss -Hlntu | grep -q ':{port} '; do sleep 0.05; done"], timeout=10)


@pytest.mark.parametrize(
    ("name", "port", "address", "kind", "chosen"),
    [
        ("nginx", 80, ANY, "tcp", {}),
        ("caddy", 443, "::", "tcp", {}),
        ("slapd", 389, "127.0.0.1", "tcp", {}),
        ("stunnel", 636, "::1", "tcp", {}),
        ("samba", 464, ANY, "udp", {}),
        ("heimdal", 88, "::", "udp", {}),
        ("kadmind", 749, ANY, "tcp", {}),
        ("dnsmasq", 53, ANY, "udp", {"setup_dns": True}),
        ("unbound", 53, "127.0.0.1", "tcp", {"setup_dns": True}),
        ("pdns", 53, "::1", "udp", {"setup_dns": True}),
    ],
)
async def test_a_listener_is_named_in_both_kinds_of_realm(
    context: Callable[..., KeptContext],
    start: Start,
    name: str,
    port: int,
    address: str,
    kind: str,
    chosen: dict[str, bool],
) -> None:
    start(name, port, address, kind)
    for ports in (native.ports, freeipa.ports):
        with pytest.raises(StepError) as caught:
            await ports(context(**chosen))
        shown = f"[{address}]" if ":" in address else address
        assert f"{name} on {shown}:{port}/{kind}, which the " in caught.value.message
        if name in free_ports.IDENTITY:
            assert f"test-{name}.service may serve a realm: choose another host" in caught.value.remedy
            assert "stop" not in caught.value.remedy
        else:
            assert f"test-{name}.service is in use there, choose another host" in caught.value.remedy


@pytest.mark.parametrize("port", [8005, 8009, 8080, 8443])
async def test_ports_of_a_certificate_authority(context: Callable[..., KeptContext], start: Start, port: int) -> None:
    start("tomcat9", port, "127.0.0.1", "tcp")
    with pytest.raises(StepError, match=rf"tomcat9 on 127\.0\.0\.1:{port}/tcp, which the certificate authority needs"):
        await freeipa.ports(context(setup_ca=True))
    ctx = context()
    ctx.job = replace(ctx.job, action="ca")
    with pytest.raises(StepError, match="tomcat9"):
        await freeipa.ports(ctx)
    assert "are free" in await freeipa.ports(context())
    assert "are free" in await native.ports(context(setup_ca=True))  # its authority has no port


async def test_what_is_not_in_the_way(context: Callable[..., KeptContext], start: Start) -> None:
    """The stub of systemd-resolved, ports that are not needed, and programs that are configured anew."""
    start("systemd-resolve", 53, "127.0.0.53", "udp")
    start("apache2", 80, ANY, "tcp")
    start("chronyd", 123, ANY, "udp")
    for ports in (native.ports, freeipa.ports):
        assert "are free" in await ports(context(setup_dns=True))
    start("ntpd", 123, "::1", "udp")
    assert "are free" in await freeipa.ports(context())
    with pytest.raises(StepError, match=r"ntpd on \[::1\]:123/udp, which the time service needs"):
        await native.ports(context())


async def test_samba_for_a_trust(context: Callable[..., KeptContext], start: Start) -> None:
    start("rpcbind", 135, ANY, "tcp")
    assert "are free" in await freeipa.ports(context())
    with pytest.raises(StepError, match="rpcbind on"):
        await freeipa.ports(context(setup_adtrust=True))


async def test_nothing_is_needed(context: Callable[..., KeptContext]) -> None:
    assert await free_ports.require(context(), ()) == "No port is needed"

"""How durations and remedies are put."""

from __future__ import annotations

from replicas.lifecycle.steps import ports
from replicas.lifecycle.steps.wording import duration, milliseconds


def test_nothing_takes_no_time() -> None:
    assert [duration(seconds) for seconds in (0, 0.0402, 1.256)] == ["less than 1 ms", "40 ms", "1.26 s"]
    assert [milliseconds(value) for value in (0, 1.2)] == ["less than 0.1 ms", "1.2 ms"]


def test_the_command_for_the_firewall_can_be_run() -> None:
    silent = tuple((port, "no answer within 2 s") for port in ports.BASE[1:4])
    told = ports.Direction("replica", "master", "one.example.com", silent).remedy("two.example.com")
    command = "firewall-cmd --permanent --add-port=636/tcp --add-port=88/tcp --add-port=88/udp && firewall-cmd --reload"
    assert f"(firewalld: {command})" in told

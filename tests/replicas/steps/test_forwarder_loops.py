"""Forwarders that are servers of the realm, by any of their addresses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import Lab
from replicas.errors import StepError
from replicas.lifecycle.steps import name_checks
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
OTHER = "ns2.example.com"


def update(lab: Lab, *lines: str) -> None:
    text = "\n".join(["server 127.0.0.1", "zone example.com", *lines, "send", ""])
    lab.master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=text.encode())


async def test_every_address_of_every_server_counts(lab: Lab, context: Callable[..., KeptContext]) -> None:
    update(lab, f"update add {OTHER}. 300 A 192.0.2.53", f"update add {OTHER}. 300 AAAA 2001:db8::53")
    servers = (lab.master.name, OTHER, "ns3.example.com")
    try:
        for forwarder in ("192.0.2.53", "2001:db8::53"):
            with pytest.raises(StepError, match=rf"{forwarder} is ns2\.example\.com"):
                await name_checks.forwarder_loops(context(setup_dns=True, forwarders=(forwarder,)), servers)
        wanted = context(setup_dns=True, forwarders=("192.0.2.54",))
        assert await name_checks.forwarder_loops(wanted, servers) == "No forwarder is a server of EXAMPLE.COM"
    finally:
        update(lab, f"update delete {OTHER}.")

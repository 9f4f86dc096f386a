"""The NS records that a request with a DNS service leads to, in either kind of realm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from replicas.backends import registry
from replicas.lifecycle.base import Record
from replicas.lifecycle.steps.name_server_records import name_server_records
from tests.replicas.backends.freeipa.conftest import job

HOST = "replica2.example.com"
OWN = Record("example.com.", "NS", f"{HOST}.")


@pytest.mark.parametrize("kind", ["native", "freeipa"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [({"setup_dns": True}, True), ({}, False), ({"setup_dns": True, "hidden_replica": True}, False)],
)
def test_a_name_server_is_expected_in_the_zone_of_the_realm(kind: str, options: Any, expected: bool) -> None:
    wanted = job(**options)
    assert (OWN in registry.get(kind).records(wanted)) == expected
    for action in ("install", "dns", "records"):
        steps = registry.get(kind).steps(replace(wanted, action=action))
        (verifying,) = [step for step in steps if step.key in ("verify-dns", "verify-records")]
        read = [touch.what for touch in verifying.touches(wanted) if touch.kind == "read"]
        assert (str(OWN) in read) == expected


def test_names_are_absolute_however_they_were_written() -> None:
    zones = ["example.com", "2.0.192.in-addr.arpa."]
    assert [str(one) for one in name_server_records(f"{HOST}.", zones)] == [
        f"example.com. 3600 IN NS {HOST}.",
        f"2.0.192.in-addr.arpa. 3600 IN NS {HOST}.",
    ]

"""A realm's expected records, asked by way of whichever of its servers has name service."""

from __future__ import annotations

import pytest

from lab import Lab
from replicas.lifecycle.base import Record
from replicas.lifecycle.looking import compare

pytestmark = pytest.mark.hosts
NAMED = Record("ipaserver.example.com.", "A", "0.0.0.0")  # noqa: S104 - an address that it does not have


async def test_the_first_server_that_knows_the_zone_is_the_way_in(lab: Lab) -> None:
    master, without = (str(host.address) for host in lab.hosts[:2])
    there = Record("ipaserver.example.com.", "A", master)
    rows = await compare((without, master), [("ipaserver.example.com", there), ("ipaserver.example.com", NAMED)])
    assert rows == await compare((master,), [("ipaserver.example.com", there), ("ipaserver.example.com", NAMED)])
    assert [row["servers"] for row in rows] == [{"ipaserver.example.com.": ""}, {"ipaserver.example.com.": master}]


async def test_without_any_the_first_reason_is_told(lab: Lab) -> None:
    without = [str(host.address) for host in lab.hosts[1:3]]
    (row,) = await compare(without, [("ipaserver.example.com", NAMED)])
    assert row["servers"] == {}
    assert without[0] in row["problem"]

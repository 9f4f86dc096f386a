"""The NS records of a replica with a DNS service: expected, verified, shown, added again, and gone with the replica."""

from __future__ import annotations

import pytest

from lab import Host, Lab
from replicas.actions.add_records import add_records
from replicas.actions.setup_dns import setup_dns
from replicas.models import LogLine, Replica, Run
from tests.hosts.conftest import Portal
from tests.hosts.test_look import look, missing
from tests.hosts.test_remove import FIRST, options, removal, succeeded

pytestmark = pytest.mark.hosts
TARGET = f"NS {FIRST}."


def zones(host: Host) -> list[str]:
    """The zones that the lab's master serves, with the final dot."""
    text = host.read("/etc/bind/named.conf.local")
    return [line.split('"')[1].rstrip(".") + "." for line in text.splitlines() if line.strip().startswith("zone ")]


def change(host: Host, *lines: str) -> None:
    text = "\n".join(["server 127.0.0.1", *lines, "send", ""])
    host.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=text.encode())


def names(host: Host, zone: str) -> list[str]:
    shown = host.run(["dig", "+short", "+norecurse", "@127.0.0.1", zone, "NS"]).stdout.decode()
    return sorted(shown.split())


def verified(run: Run) -> str:
    """What the run's log says of the last step."""
    last = run.steps.order_by("-index").get(key="verify-dns").index
    return "\n".join(LogLine.objects.filter(run=run, step=last).order_by("seq").values_list("text", flat=True))


def test_name_servers_of_every_zone(portal: Portal, hosts: Lab) -> None:
    master, first = hosts.master, hosts.host(FIRST)
    portal.register()
    succeeded(portal, portal.install(FIRST, **options(first)))
    served = zones(master)
    assert len(served) == 3
    rows = [row["record"] for row in look().dns]
    assert not [record for record in rows if record.endswith(TARGET)], "it has no DNS service yet"

    plan = setup_dns(portal.operator, Replica.objects.get(hostname=FIRST), no_forwarders=True)
    touched = [touch["what"] for step in plan.steps if step["key"] == "verify-dns" for touch in step["touches"]]
    assert f"example.com. 3600 IN {TARGET}" in touched
    run = succeeded(portal, portal.work(portal.approve(plan)))
    for zone in served:
        assert names(master, zone) == names(first, zone) == sorted([f"{master.name}.", f"{FIRST}."])
        for answer in verified(run).split("Answers of ")[1:]:
            assert f"{zone} 3600\tIN\tNS\t{FIRST}." in answer, (zone, answer)
    seen = look()
    shown = {row["record"]: row for row in seen.dns if row["record"].endswith(TARGET)}
    assert sorted(record.split()[0] for record in shown) == sorted(served)
    assert all(len(row["servers"]) == 2 for row in shown.values())
    assert missing(seen) == []

    lost = served[:2]
    change(master, *(f"zone {zone}\nupdate delete {zone} {TARGET}\nsend" for zone in lost))
    found = missing(look())
    assert sorted(record.split()[0] for record in found) == sorted(lost)
    assert all(record.endswith(TARGET) for record in found)
    plan = add_records(portal.operator, Replica.objects.get(hostname=FIRST))
    assert "name-server-records" in [step["key"] for step in plan.steps]
    succeeded(portal, portal.work(portal.approve(plan)))
    assert missing(look()) == []
    for zone in served:
        assert names(master, zone) == sorted([f"{master.name}.", f"{FIRST}."])

    succeeded(portal, removal(portal, FIRST))
    for zone in served:
        assert names(master, zone) == [f"{master.name}."]
    assert not [row for row in look().dns if FIRST in row["record"]]

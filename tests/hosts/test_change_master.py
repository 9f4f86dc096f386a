"""A registered master at another address, read anew on real hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import Lab
from replicas.actions.change_master import Change, Changed, change
from replicas.errors import HostKeyChanged, WrongPassword
from replicas.models import Master
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
AUTHORITY = "/var/lib/ipa/ca/private/ca.key"


def test_a_master_is_found_at_its_other_address_and_nowhere_else(portal: Portal, hosts: Lab) -> None:
    master, who = portal.register(), portal.administrator
    here = Change(master.ssh_address, 22, "root", "looking again")
    assert change(who, master, here) == Changed((), 0)
    plan = portal.ask(ip_addresses=[str(hosts.hosts[1].address)])

    with pytest.raises(HostKeyChanged):
        change(who, master, replace(here, ssh_address=str(hosts.hosts[1].address)))
    with pytest.raises(WrongPassword):
        change(who, master, replace(here, directory_manager="battery-staple"))
    hosts.master.run(["mv", AUTHORITY, f"{AUTHORITY}.away"])
    moved = replace(here, ssh_address=str(hosts.master.address6), reason="another network")
    assert change(who, master, moved) == Changed(("ssh_address", "ca"), 1)
    hosts.master.run(["mv", f"{AUTHORITY}.away", AUTHORITY])

    now = Master.objects.get()
    assert (now.ssh_address, now.ca) == (str(hosts.master.address6), False)
    plan.refresh_from_db()
    assert plan.state == "void"
    assert change(who, now, replace(moved, reason="it has its key again")) == Changed(("ca",), 0)

"""What the checks before a plan find on real hosts, and that they change nothing there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from lab import Host, Lab
from replicas.actions import host_keys, tables
from replicas.actions.drafts import draw
from replicas.actions.submit import store
from replicas.actions.undo import remove
from replicas.choices import RunState
from replicas.lifecycle import preflight
from replicas.models import AuditEvent, Credential, Draft, Master, PasswordAttempt, Plan, Replica
from tests.hosts.census import census
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
INSTALL = {
    "hosts", "addresses", "resolvable", "password", "existing", "blank", "ports", "resources", "authority", "updates",
    "writable",
    "name-in-dns", "forwarders", "certificates", "agreements", "own-name", "settings", "alias", "zones", "reverse",
    "name-servers", "forwarder-loops",
}  # fmt: skip


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"


def draft(portal: Portal, form: str = "", **options: Any) -> Draft:
    """As the page makes it, with the checks made here instead of by the worker."""
    host = portal.lab.host(NAME)
    given = {
        "hostname": NAME,
        "ssh_address": str(host.address),
        "master": Master.objects.get(),
        "ip_addresses": [str(host.address), str(host.address6)],
    }
    key = host_keys.fetch(str(host.address), 22)
    made = draw(portal.operator, "request", form, lambda: store(portal.operator, Replica(**(given | options)), key))
    preflight.check(made)
    made.refresh_from_db()
    return made


def test_a_table_is_looked_at_and_submitted_as_a_whole(portal: Portal, hosts: Lab) -> None:
    portal.register()
    blanks = [host for host in hosts.hosts if host.name != hosts.master.name]
    table = tables.draw(portal.operator, [row(host) for host in blanks])
    preflight.check_all(Draft.objects.filter(table=table))
    drafts = Draft.objects.order_by("pk")
    assert [made.job["replica"]["hostname"] for made in drafts] == [host.name for host in blanks]
    assert [set(levels(made).values()) for made in drafts] == [{"ok"}] * len(blanks), drafts[0].findings
    plans = tables.submit_all(portal.operator, table, [row(host) for host in blanks])
    assert {portal.work(portal.approve(plan)).state for plan in plans} == {RunState.SUCCEEDED}


def row(host: Host) -> tables.Row:
    """As the form makes it each time."""
    addresses = [str(host.address), str(host.address6)]
    asked = Replica(
        hostname=host.name, master=Master.objects.get(), ssh_address=str(host.address), ip_addresses=addresses
    )
    return tables.Row(asked, "", fingerprint=host.fingerprint)


def levels(made: Draft | Plan) -> dict[str, str]:
    return {finding["check"]: finding["level"] for finding in made.findings or ()}


def finding(made: Draft | Plan, check: str) -> str:
    found = next(one for one in made.findings or () if one["check"] == check)
    return f"{found['level']}: {found['message']} {found['remedy']}"


def test_two_good_hosts(portal: Portal, hosts: Lab) -> None:
    portal.register()
    before = census(hosts)
    made = draft(portal)
    assert levels(made) == dict.fromkeys(INSTALL, "ok"), made.findings
    assert not made.hindered
    assert census(hosts) == before
    uses = AuditEvent.objects.filter(verb="credential:use", reason__startswith="Checks before")
    assert uses.count() == Credential.objects.count()


def test_what_is_wrong_on_the_hosts_is_found(portal: Portal, hosts: Lab) -> None:
    portal.register()
    master, replica = hosts.master, hosts.host(NAME)
    update = f"server 127.0.0.1\nupdate add {NAME}. 300 A 192.0.2.99\nsend\n"
    master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=update.encode())
    replica.run(["sh", "-c", f"sed -i 's/^127.0.0.1.*/127.0.0.1 {NAME} localhost/' /etc/hosts"])
    replica.run(["systemd-run", "--unit=squatter", "python3", "-m", "http.server", "389"])
    made = draft(portal, setup_dns=True, forwarders=[str(hosts.master.address), "192.0.2.53"])
    assert made.hindered
    assert "python3 on 0.0.0.0:389/tcp, which the Directory Server needs" in finding(made, "ports")
    assert "If squatter.service is in use there, choose another host" in finding(made, "ports")
    assert "warning: ipareplica.example.com has the address 192.0.2.99 in the DNS already" in finding(
        made, "name-in-dns"
    )
    assert finding(made, "forwarders").startswith("warning: The forwarder ")
    assert "warning: ipareplica.example.com resolves its own name to 127.0.0.1." in finding(made, "own-name")


def test_a_wrong_password_and_a_host_that_is_away(portal: Portal, hosts: Lab) -> None:
    portal.register()
    made = draft(portal, "directory_manager=not-the-password")
    assert finding(made, "password").startswith("error: ")
    assert "not-the-password" not in str(made.findings)
    made = draft(portal)
    assert not made.hindered
    hosts.host(NAME).block(22)
    preflight.check(made)
    made.refresh_from_db()
    assert finding(made, "blank").startswith(f"error: {NAME}")
    assert finding(made, "password").startswith("ok: ")


def test_removal_looks_at_the_realm(portal: Portal, hosts: Lab) -> None:
    portal.register()
    host = hosts.host(NAME)
    run = portal.install(ip_addresses=[str(host.address), str(host.address6)])
    assert run.plan.replica.state == "verified", run.error
    made = draw(portal.operator, "remove", "", lambda: remove(portal.operator, run.plan.replica, "Moved"))
    preflight.check(made)
    made.refresh_from_db()
    assert levels(made) == dict.fromkeys(("password", "reachable", "removable", "zone-changes"), "ok"), made.findings


def test_a_stored_password_that_is_wrong_is_tried_twice_and_the_check_says_until_when(
    portal: Portal, hosts: Lab
) -> None:
    portal.register()
    portal.set_passwords(directory_manager="canary-wrong-password")
    found = draft(portal)
    told = [finding(found, "password")]
    for _ in range(2):
        preflight.check(found)
        found.refresh_from_db()
        told.append(finding(found, "password"))
    assert "does not accept the password" in told[0]
    assert "does not accept the password" in told[1]
    assert "does not try it again until" in told[2]
    assert AuditEvent.objects.filter(verb="credential:fail").count() == 2
    portal.set_passwords(directory_manager=hosts.secrets.directory_manager)
    PasswordAttempt.objects.all().delete()
    preflight.check(found)
    found.refresh_from_db()
    assert finding(found, "password").startswith("ok")

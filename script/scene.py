"""What the demo and the screenshots play: test hosts, a portal with one person a role, and what these people do."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import Host, Lab
from script.people import Person
from script.processes import portal

if TYPE_CHECKING:
    from replicas.models import Plan, Run

MASTER = "ipaserver.example.com"
REPLICA = "ipareplica.example.com"
ROLES = ("viewer", "operator", "approver", "administrator")


@contextmanager
def hosts(name: str, replicas: int, users: int) -> Iterator[Lab]:
    """A lab of its own: a master with so many users, and blank hosts."""
    lab = Lab(name)
    begun = time.monotonic()
    try:
        lab.down()
        lab.up(replicas=replicas, users=users)
        blank = ", ".join(host.name for host in lab.hosts[1:])
        print(f"Test hosts are up: {MASTER} with {users} users, {blank} blank ({time.monotonic() - begun:.0f} s)")
        yield lab
    finally:
        lab.down()


@contextmanager
def served(data: Path, port: int, environment: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """A portal with an empty database in `data` and one user a role; gives its address and the users' passwords."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, mode=0o700)
    environment = {"PORTAL_DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "portal.settings"} | environment
    os.environ.update(environment)
    people = _prepare_database()
    with portal(data, environment, port) as address:
        yield address, people


def _prepare_database() -> dict[str, str]:
    import django

    django.setup()
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command

    logging.getLogger("httpx").setLevel(logging.WARNING)
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    people = {role: secrets.token_urlsafe(9) for role in ROLES}
    for role, password in people.items():
        user = User.objects.create_user(role, f"{role}@example.com", password, is_staff=role == "administrator")
        user.groups.add(Group.objects.get(name=role))
    return people


def consoles(lab: Lab) -> dict[str, str]:
    """Return what the hosts' own consoles show: the fingerprints of their keys, by name."""
    return {host.name: host.fingerprint for host in lab.hosts}


def register(administrator: Person, lab: Lab) -> None:
    master = lab.host(MASTER)
    where = {
        "hostname": MASTER,
        "ssh_address": str(master.address),
        "ssh_port": 22,
        "ssh_user": "root",
        "backend": "native",
    }
    passwords = {"directory_manager": lab.secrets.directory_manager, "admin": lab.secrets.admin}
    administrator.send("/masters/register/", where, {"compared": "on", **passwords})


def request(host: Host, **options: str) -> dict[str, Any]:
    """A request as the form sends it, for a blank host."""
    from replicas.models import Master

    given = {
        "hostname": host.name,
        "master": Master.objects.get().pk,
        "ssh_address": str(host.address),
        "ssh_port": 22,
        "ssh_user": "root",
        "ip_addresses": f"{host.address}\n{host.address6}",
        "forward_policy": "first",
    }
    return given | options


def ask(operator: Person, host: Host, **options: str) -> Plan:
    """Look at its plan, and submit it."""
    from replicas.models import Plan

    operator.ask("/replicas/request/", request(host, **options))
    return Plan.objects.latest("pk")


def approve(approver: Person, plan: Plan, reason: str) -> Run:
    from replicas.models import Run

    approver.send(f"/plans/{plan.pk}/", {"reason": reason}, to=f"/plans/{plan.pk}/approve/")
    return Run.objects.get(plan=plan)


def look(operator: Person, realm_id: int) -> None:
    """Have the realm looked at, and wait for what is seen."""
    from django.utils import timezone

    from replicas.models import RealmLook

    asked_at = timezone.now()
    while not RealmLook.objects.filter(realm=realm_id, at__gt=asked_at).exists():
        # Again, because it is refused while another look is under way or has just been.
        operator.send(f"/realms/{realm_id}/", {}, to=f"/realms/{realm_id}/look/")
        time.sleep(2)

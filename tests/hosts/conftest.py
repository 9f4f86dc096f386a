"""The services and the engine on real hosts: what the pages call, without the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from pytest_django import Settings

from lab import Lab
from replicas.actions import approve as approving
from replicas.actions import cancel as cancelling
from replicas.actions import host_keys, register_master, submit
from replicas.actions import retry as retrying
from replicas.actions.set_credentials import set_credentials
from replicas.choices import Role
from replicas.lifecycle import runner
from replicas.models import LogLine, Master, Plan, Replica, Run
from replicas.permissions import Actor


class Portal:
    """People who do their part; runs are executed in this process instead of the worker's."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.operator, self.approver, self.administrator = (
            self._person(role) for role in (Role.OPERATOR, Role.APPROVER, Role.ADMINISTRATOR)
        )

    def _person(self, role: Role) -> Actor:
        user = User.objects.create_user(role.value)
        user.groups.add(Group.objects.get(name=role.value))
        return Actor(user)

    def register(self, **changes: Any) -> Master:
        host = self.lab.master
        given: dict[str, Any] = {
            "hostname": host.name,
            "ssh_address": str(host.address),
            "ssh_port": 22,
            "ssh_user": "root",
            "backend": "native",
            "fingerprint": host.fingerprint,
            "directory_manager": self.lab.secrets.directory_manager,
            "admin": self.lab.secrets.admin,
        }
        return register_master.register(self.administrator, register_master.Registration(**(given | changes)))

    def ask(self, hostname: str = "ipareplica.example.com", **options: Any) -> Plan:
        given = {
            "hostname": hostname,
            "ssh_address": str(self.lab.host(hostname).address),
            "master": Master.objects.earliest("pk"),
        }
        return submit.submit(self.operator, Replica(**(given | options)))

    def approve(self, plan: Plan) -> Run:
        if host_keys.uncompared(plan):
            host_keys.compare_for(self.administrator, plan, plan.replica.host_key.fingerprint)
        run = approving.approve(self.approver, plan, plan.digest, "wanted")
        assert run is not None
        return run

    def work(self, run: Run) -> Run:
        runner.execute(run.pk)
        return Run.objects.get(pk=run.pk)

    def install(self, hostname: str = "ipareplica.example.com", **options: Any) -> Run:
        return self.work(self.approve(self.ask(hostname, **options)))

    def retry(self, run: Run) -> Run:
        retrying.retry(self.operator, run)
        return self.work(run)

    def set_passwords(self, **passwords: str) -> None:
        set_credentials(self.administrator, Master.objects.earliest("pk").realm, passwords)

    def log(self, run: Run) -> str:
        return "\n".join(LogLine.objects.filter(run=run).order_by("seq").values_list("text", flat=True))


@pytest.fixture
def portal(
    hosts: Lab, transactional_db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Portal:
    """An empty database, and hosts as they were made."""
    settings.DATA_DIR = tmp_path
    settings.SSH_KEY_FILE = hosts.ssh_key
    settings.SECRET_KEYS_FILE = tmp_path / "keys"
    for module in (approving, cancelling, retrying):
        monkeypatch.setattr(module, "execute", lambda run_id: None)
    return Portal(hosts)


@pytest.fixture
def hosts(lab: Lab) -> Iterator[Lab]:
    """The lab; afterwards every host is as fresh as when it came up."""
    yield lab
    for host in lab.hosts:
        host.unblock()
    lab.reset(*lab.hosts)

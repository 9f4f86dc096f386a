"""A world with replicas in every state, and people of every role."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from replicas.actions import host_keys, prove_passwords
from replicas.choices import Decision, PlanState, ReplicaState, RunState
from replicas.errors import HostUnreachable
from replicas.lifecycle.job import Job
from replicas.models import Bypass, Draft, Master, Plan, Replica, Run, Webhook
from tests.replicas.views import world as w


@dataclass
class World:
    people: dict[str, User]
    master: Master
    waiting: Plan
    failed: Run
    running: Run
    verified: Replica
    clients: dict[str, Client] = field(default_factory=dict)

    @property
    def webhook(self) -> Webhook:
        found = Webhook.objects.first()
        return found or w.webhook("chat", "https://chat.example.com/hooks/1")

    @property
    def draft(self) -> Draft:
        """What the operator has filled in, and not submitted."""
        return Draft.objects.filter(table=None).first() or w.draft_of(self.verified, self.people["operator"])

    @property
    def table(self) -> UUID:
        """What the operator has asked for with a table, and not submitted."""
        found = Draft.objects.filter(table__isnull=False).first()
        return (found and found.table) or w.table_of(self.master, self.people["operator"])

    @property
    def bypassed(self) -> Run:
        """The failed run, which began without approval."""
        by, requester = self.people["administrator"], self.people["operator"]
        Bypass.objects.get_or_create(run=self.failed, by=by, requester=requester, defaults={"reason": "it burns"})
        return self.failed

    def client(self, name: str) -> Client:
        """A browser in which that person is signed in."""
        if name not in self.clients:
            self.clients[name] = Client()
            self.clients[name].force_login(self.people[name])
        return self.clients[name]


@pytest.fixture(autouse=True)
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page may reach out of a test."""

    def fetch(address: str, port: int) -> str:
        raise HostUnreachable(f"{address} does not answer on port {port}.", "Is the host up?")

    def ask(job: Job, name: str, secret: str) -> None:
        fetch(job.master.address, job.master.port)

    monkeypatch.setattr(host_keys, "fetch", fetch)
    monkeypatch.setattr(prove_passwords, "_ask", ask)


@pytest.fixture(autouse=True)
def quick(settings: Any, tmp_path: Path) -> None:
    """Cheap passwords, and a folder for static files, whose absence whitenoise warns of."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STATIC_ROOT = tmp_path
    settings.SSH_KEY_FILE = tmp_path / "ssh" / "id"


@pytest.fixture
def world(db: None) -> World:
    return make()


def make() -> World:
    return around(w.realm_with_master(), w.cast())


def around(master: Master, people: dict[str, User]) -> World:
    """Requests and runs of these people, with this master."""
    waiting = w.plan_of(request(master, people, "waiting", ReplicaState.REQUESTED), PlanState.WAITING)
    failed_plan = w.plan_of(request(master, people, "failed", ReplicaState.FAILED), PlanState.APPROVED)
    w.decide(failed_plan, people["approver"], Decision.APPROVE, "planned")
    failed = w.run_of(failed_plan, RunState.FAILED, 6, error="UDP 88 does not answer.", remedy="Open UDP 88.")
    w.bundle_of(failed)
    w.lines(failed, "first line", "second <b>line</b>")
    running_plan = w.plan_of(request(master, people, "running", ReplicaState.RUNNING), PlanState.APPROVED)
    running = w.run_of(running_plan, RunState.RUNNING, 8)
    verified = request(master, people, "verified", ReplicaState.VERIFIED)
    missing = ["_ldap._tcp.example.com. 3600 IN SRV 0 100 389 verified.example.com."]
    w.run_of(w.plan_of(verified, PlanState.APPROVED), RunState.SUCCEEDED, 10, facts={"missing_records": missing})
    w.event("operator", "plan:submit", "plan", waiting.pk, str(waiting), after={"digest": waiting.digest})
    return World(people, master, waiting, failed, running, verified)


def request(master: Master, people: dict[str, User], name: str, state: ReplicaState) -> Replica:
    return w.request(master, f"{name}.example.com", people["operator"], state)

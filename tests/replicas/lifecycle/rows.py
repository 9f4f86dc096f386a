"""The rows that a run needs, and the twin in place of SSH hosts and a key ring."""

from __future__ import annotations

from django.contrib.auth.models import User

from replicas.choices import PlanAction, PlanState, ReplicaState
from replicas.lifecycle import plan, runner
from replicas.lifecycle.job import Action, Job
from replicas.models import HostKey, Master, Plan, Realm, Replica, Run
from tests.replicas.lifecycle import twin

SECRET = "correct-horse-battery"


def use_twin() -> None:
    """For good, in this process; tests that stay in theirs use the fixture of the same name."""
    for name, value in TWIN.items():
        setattr(runner, name, value)


TWIN = {"connect": twin.connect, "unlock": lambda run: {"admin": SECRET}, "registry": twin.Registry()}


def make_run(hostname: str = "replica1.example.com", action: PlanAction = PlanAction.INSTALL) -> Run:
    user, _ = User.objects.get_or_create(username="olga")
    key, _ = HostKey.objects.get_or_create(
        hostname=hostname, defaults={"key": "ssh-ed25519 AAAA", "fingerprint": "SHA256:a"}
    )
    realm, _ = Realm.objects.get_or_create(
        name="EXAMPLE.COM",
        defaults={"domain": "example.com", "suffix": "dc=example,dc=com", "backend": "twin", "dns": True},
    )
    master, _ = Master.objects.get_or_create(
        hostname="master.example.com",
        defaults={"realm": realm, "ca": True, "ssh_address": "192.0.2.1", "host_key": key},
    )
    replica = Replica.objects.create(
        hostname=hostname,
        ssh_address="192.0.2.2",
        host_key=key,
        master=master,
        requested_by=user,
        state=ReplicaState.APPROVED if action == PlanAction.INSTALL else ReplicaState.VERIFIED,
    )
    kind: Action = "records" if action == PlanAction.RECORDS else "install"
    job = Job(kind, realm.facts(), master.endpoint(), replica.endpoint(), replica.options())
    steps, digest = plan.freeze(twin.TwinBackend(), job)
    frozen = Plan.objects.create(
        replica=replica,
        action=action,
        job=job.to_json(),
        steps=steps,
        digest=digest,
        state=PlanState.APPROVED,
        requested_by=user,
    )
    return Run.objects.create(plan=frozen)

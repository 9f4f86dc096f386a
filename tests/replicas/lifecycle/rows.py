"""The rows that a run needs, and the twin in place of SSH hosts and a key ring."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from django.contrib.auth.models import User

from replicas.choices import PlanAction, PlanState, ReplicaState
from replicas.lifecycle import plan, runner
from replicas.lifecycle.inheritance import inherited
from replicas.lifecycle.job import Action, Job
from replicas.models import HostKey, Master, Plan, Realm, Replica, Run
from tests.replicas.identity import address_of
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
        hostname=hostname, defaults={"key": "ssh-ed25519 AAAA", "fingerprint": f"SHA256:{hostname}"}
    )
    masters, _ = HostKey.objects.get_or_create(
        hostname="master.example.com", defaults={"key": "ssh-ed25519 AAAA", "fingerprint": "SHA256:master"}
    )
    realm, _ = Realm.objects.get_or_create(
        name="EXAMPLE.COM",
        defaults={"domain": "example.com", "suffix": "dc=example,dc=com", "backend": "twin", "dns": True},
    )
    master, _ = Master.objects.get_or_create(
        hostname="master.example.com",
        defaults={"realm": realm, "ca": True, "ssh_address": "192.0.2.1", "host_key": masters},
    )
    replica = Replica.objects.create(
        hostname=hostname,
        ssh_address=address_of(hostname),
        host_key=key,
        master=master,
        requested_by=user,
        state=ReplicaState.APPROVED if action == PlanAction.INSTALL else ReplicaState.VERIFIED,
    )
    return run_for(replica, action)


def run_for(replica: Replica, action: PlanAction, **options: str) -> Run:
    """A queued run of an approved plan, with the facts that approving gives it."""
    kind = cast(Action, action.value)
    chosen = replace(replica.options(), **options)  # type: ignore[arg-type]
    job = Job(kind, replica.master.realm.facts(), replica.master.endpoint(), replica.endpoint(), chosen)
    steps, digest = plan.freeze(twin.TwinBackend(), job)
    frozen = Plan.objects.create(
        replica=replica,
        action=action,
        job=job.to_json(),
        steps=steps,
        digest=digest,
        state=PlanState.APPROVED,
        requested_by=replica.requested_by,
    )
    return Run.objects.create(plan=frozen, facts=inherited(frozen))

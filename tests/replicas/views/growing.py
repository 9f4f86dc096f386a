"""More rows of every kind, for tests of what pages ask the database for."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.utils import timezone

from replicas.choices import Decision, NoticeKind, PlanState, ReplicaState, RunState
from replicas.lifecycle import looking
from replicas.models import (
    ApprovalPolicy,
    AuditCheck,
    Bypass,
    Credential,
    Delivery,
    EmailChoice,
    LogChunk,
    Master,
    Notice,
    PasswordAttempt,
    Plan,
    PlanCredential,
    RealmLook,
    Run,
)
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World

HEALTH = {
    "servers": [{"name": "ipaserver.example.com", "roles": ["CA"], "problem": ""}],
    "agreements": [{"supplier": "ipaserver.example.com", "consumer": "x.example.com", "lag": 1.0, "problem": ""}],
    "certificates": [{"what": "ipaserver.example.com, port 636", "days": 12}],
    "bundles": [],
    "suggested": [],
}


def grow(world: World, numbers: range) -> None:
    """For each number one more realm, and in it and in the world's own realm one more row of each kind."""
    for number in numbers:
        person = w.person(f"person{number}", None)
        Group.objects.create(name=f"group{number}").user_set.add(person)
        EmailChoice.objects.create(user=person)
        hook = w.webhook(f"hook{number}", f"https://chat.example.com/hooks/{number}")
        for master in (world.master, realm(number)):
            run = job(world, master, number)
            told(world.people["root"], run)
            for webhook in (hook, world.webhook):
                Delivery.objects.create(webhook=webhook, body={"type": "run.succeeded"})
        AuditCheck.objects.create(by="root", events=number, checkpoints=1, seconds=0.1)
        PasswordAttempt.objects.create(realm="EXAMPLE.COM", account="admin", user="operator", at=timezone.now())


def realm(number: int) -> Master:
    master = w.realm_of(f"GROWN{number}.EXAMPLE", "native")
    Credential.objects.create(realm=master.realm, name="admin", key_id="k1", ciphertext=b"x", set_by="administrator")
    ApprovalPolicy.objects.create(realm=master.realm, changed_by="administrator")
    RealmLook.objects.create(realm=master.realm, at=timezone.now(), **looking.found(HEALTH, []))
    return master


def job(world: World, master: Master, number: int) -> Run:
    """A replica with a run without approval that goes on, and one whose plan waits."""
    people, domain = world.people, master.realm.domain
    replica = w.request(master, f"more{number}.{domain}", people["operator"], ReplicaState.RUNNING)
    plan = w.plan_of(replica, PlanState.APPROVED)
    w.decide(plan, people["approver"], Decision.APPROVE, "planned")
    run = w.run_of(plan, RunState.RUNNING, 3)
    Bypass.objects.create(run=run, by=people["administrator"], requester=people["operator"], reason="it burns")
    w.bundle_of(run)
    w.lines(run, "first line", "second line")
    LogChunk.objects.create(run=run, first_seq=10, last_seq=20, content=b"x")
    w.draft_of(replica, people["operator"])
    w.event("operator", "replica:request", "replica", replica.pk, str(replica))
    waiting = w.request(master, f"waits{number}.{domain}", people["operator"], ReplicaState.REQUESTED)
    coming = w.plan_of(waiting, PlanState.WAITING)
    PlanCredential.objects.create(plan=coming, name="admin", key_id="k1", ciphertext=b"x", set_by="operator")
    return run


def told(person: User, run: Run) -> None:
    plan: Plan = run.plan
    notice = Notice.objects.create(recipient=person, kind=NoticeKind.DONE, plan=plan, run=run, actor="operator")
    Delivery.objects.create(notice=notice)

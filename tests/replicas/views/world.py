"""A small world as services and workers would have written it: rows for pages to show."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.contrib.auth.models import Group, User
from django.utils import timezone

from replicas.choices import BundleState, Decision, PlanAction, PlanState, ReplicaState, Role, RunState, StepState
from replicas.clients import ssh
from replicas.clients.webhook import new_secret
from replicas.lifecycle import job
from replicas.lifecycle.base import Touch
from replicas.lifecycle.voiding import policy_of
from replicas.models import (
    Approval,
    AuditEvent,
    Bundle,
    Credential,
    Draft,
    HostKey,
    LogLine,
    Master,
    Plan,
    Realm,
    Replica,
    Run,
    StepRun,
    Webhook,
)
from tests.replicas.identity import address6_of, address_of, host_key

PASSWORD = "correct-horse-battery"


def webhook(name: str, url: str, secret: str = "") -> Webhook:
    hook = Webhook(name=name, url=url, set_by="administrator").enclose(secret or new_secret())
    hook.save()
    return hook


HOST_KEY = host_key("ipaserver.example.com")
HOST = "{host}"
STEPS: list[dict[str, Any]] = [
    {"key": "refuse", "title": "Refusing what already exists", "stage": "prepare", "undoable": True, "lasting": [],
     "touches": [Touch("read", "cn=masters,cn=ipa,cn=etc,dc=example,dc=com", "EXAMPLE.COM")]},
    {"key": "certificates", "title": "Creating SSL certificate for the Directory Server", "stage": "prepare",
     "undoable": True, "lasting": ["A certificate that was issued can be revoked, and stays in the authority's list."],
     "touches": [Touch("certificate", "CN={host},O=EXAMPLE.COM (Directory Server)", "ipaserver.example.com")]},
    {"key": "web", "title": "Creating SSL certificate for the Web Server", "stage": "prepare", "undoable": True,
     "lasting": [], "touches": [Touch("certificate", "CN={host},O=EXAMPLE.COM (web)", "ipaserver.example.com")]},
    {"key": "seal", "title": "Packaging replica information", "stage": "prepare", "undoable": True, "lasting": [],
     "touches": [Touch("file", "/var/lib/ipa/replica-info-{host}.gpg, mode 0600", "ipaserver.example.com")]},
    {"key": "records", "title": "Adding DNS records", "stage": "prepare", "undoable": True, "lasting": [],
     "touches": [Touch("record", "{host}. 3600 IN A 192.0.2.21", "EXAMPLE.COM"),
                 Touch("record", "21.2.0.192.in-addr.arpa. 3600 IN PTR {host}.", "EXAMPLE.COM")]},
    {"key": "transfer", "title": "Copying the bundle to the replica", "stage": "transfer", "undoable": True,
     "lasting": [], "touches": [Touch("file", "/var/lib/ipa/replica-info-{host}.gpg", HOST)]},
    {"key": "check", "title": "Connection check, both ways", "stage": "check", "undoable": True, "lasting": [],
     "touches": [Touch("port", "TCP 389, 636, 88, 464, 80, 443", HOST), Touch("port", "UDP 88, 464", HOST)]},
    {"key": "directory", "title": "Creating the Directory Server instance", "stage": "install", "undoable": True,
     "lasting": [], "touches": [Touch("command", "dscreate from-file, instance EXAMPLE-COM", HOST)]},
    {"key": "total", "title": "Initializing the replica from the master", "stage": "initialize", "undoable": False,
     "lasting": [], "touches": [Touch("directory", "everything below dc=example,dc=com", HOST)]},
    {"key": "dns", "title": "Verifying DNS records on every name server", "stage": "verify", "undoable": True,
     "lasting": [], "touches": [Touch("read", "_ldap._tcp.example.com"), Touch("read", "_kerberos._udp.example.com")]},
]  # fmt: skip


def _of(touch: Touch, host: str) -> dict[str, str]:
    return {key: value.format(host=host) for key, value in dataclasses.asdict(touch).items()}


FINDINGS = [
    {"check": "hosts", "level": "ok", "message": "The replica host is the right one", "remedy": ""},
    {"check": "forwarders", "level": "warning", "message": "The forwarder 192.0.2.53 leaves DNSSEC signatures out.",
     "remedy": "Choose another forwarder."},
    {"check": "blank", "level": "error", "message": "Something listens on port 389 already.", "remedy": "Stop it."},
]  # fmt: skip


def draft_of(replica: Replica, by: User, level: str = "error") -> Draft:
    """To remove the replica; the checks have found what is bad, or nothing worse than `level`."""
    plan = plan_of(replica, PlanState.WAITING, PlanAction.REMOVE)
    levels = ("ok", "warning", "error")
    draft = Draft(
        act="remove", replica=replica, requested_by=by, action=plan.action, job=plan.job, steps=plan.steps,
        digest=plan.digest, checked_at=timezone.now(),
        findings=[one for one in FINDINGS if levels.index(one["level"]) <= levels.index(level)],
    )  # fmt: skip
    draft.enclose("reason=Moved&directory_manager=&admin=")
    draft.save()
    plan.delete()
    return draft


def table_of(master: Master, by: User, rows: int = 2) -> UUID:
    """Asks for some hosts; the checks have found what is bad on the first one."""
    table = uuid4()
    for number in range(rows):
        replica = request(master, f"row{number}.example.com", by, ReplicaState.REQUESTED)
        plan = plan_of(replica, PlanState.WAITING)
        draft = Draft(
            act="request", table=table, requested_by=by, action=plan.action, job=plan.job, steps=plan.steps,
            digest=plan.digest, checked_at=timezone.now(), findings=FINDINGS[: 1 if number else 3],
        )  # fmt: skip
        asked = {name: getattr(replica, name) for name in ("hostname", "ssh_address", "ssh_port", "ssh_user")}
        draft.enclose(urlencode(asked | {"master": master.pk}))
        draft.save()
        plan.delete()
        replica.delete()
    return table


def person(name: str, role: Role | None) -> User:
    user = User.objects.create_user(name, password=PASSWORD)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def cast() -> dict[str, User]:
    """One person a role, a second operator who also approves, a superuser, and one without any role."""
    people = {role.value: person(role.value, role) for role in Role}
    people["both"] = person("both", Role.OPERATOR)
    people["both"].groups.add(Group.objects.get(name=Role.APPROVER))
    people["nobody"] = person("nobody", None)
    people["root"] = User.objects.create_superuser("root", password=PASSWORD)
    return people


def key_of(hostname: str) -> HostKey:
    key = host_key(hostname)
    given = {"key": key, "fingerprint": ssh.fingerprint(key), "accepted_by": "administrator", "compared": "typed"}
    return HostKey.objects.get_or_create(hostname=hostname, defaults=given)[0]


def realm_with_master(*, dns: bool = True) -> Master:
    realm = Realm.objects.create(
        name="EXAMPLE.COM", domain="example.com", suffix="dc=example,dc=com", dns=dns, ca_certificate="-----BEGIN"
    )
    for name in ("directory_manager", "admin"):
        Credential.objects.create(realm=realm, name=name, key_id="k1", ciphertext=b"x", set_by="administrator")
    return Master.objects.create(
        hostname="ipaserver.example.com", ssh_address="192.0.2.10", host_key=key_of("ipaserver.example.com"),
        realm=realm, ca=True, registered_by="administrator",
        versions={"389-ds-base": "2.3.1", "krb5-kdc": "1.20.1", "bind9": "9.18.28", "chrony": "4.3"},
    )  # fmt: skip


def realm_of(name: str, backend: str) -> Master:
    """Another realm of that kind, with a master."""
    domain = name.lower()
    realm = Realm.objects.create(name=name, domain=domain, suffix=f"o={domain}", dns=True, backend=backend)
    return Master.objects.create(
        hostname=f"ipaserver.{domain}",
        ssh_address=address_of(f"ipaserver.{domain}"),
        host_key=key_of(f"ipaserver.{domain}"),
        realm=realm,
        ca=True,
    )


def request(master: Master, hostname: str, by: User, state: ReplicaState, **options: Any) -> Replica:
    return Replica.objects.create(
        hostname=hostname, ssh_address=address_of(hostname), host_key=key_of(hostname), master=master, state=state,
        requested_by=by, ip_addresses=[address_of(hostname), address6_of(hostname)], setup_ca=True, **options,
    )  # fmt: skip


def plan_of(replica: Replica, state: PlanState, action: PlanAction = PlanAction.INSTALL) -> Plan:
    master = replica.master
    frozen = job.Job(
        action.value,  # type: ignore[arg-type]
        master.realm.facts(),
        master.endpoint(),
        replica.endpoint(),
        replica.options(),
    )
    frozen = dataclasses.replace(frozen, policy=policy_of(master.realm, frozen))
    steps = [step | {"touches": [_of(touch, replica.hostname) for touch in step["touches"]]} for step in STEPS]
    return Plan.objects.create(
        replica=replica, action=action, job=frozen.to_json(), steps=steps, digest=job.digest(frozen.to_json(), steps),
        state=state, requested_by=replica.requested_by,
    )  # fmt: skip


def decide(plan: Plan, by: User, decision: Decision, reason: str) -> Approval:
    return Approval.objects.create(
        plan=plan, digest=plan.digest, requester=plan.requested_by, approver=by, decision=decision, reason=reason
    )


def run_of(plan: Plan, state: RunState, reached: int, **fields: Any) -> Run:
    """A run whose steps before `reached` are done, and `reached` is as the run's state says."""
    began = timezone.now() - timedelta(seconds=3 * reached + 2)
    run = Run.objects.create(plan=plan, state=state, started_at=began, fence=1, **fields)
    here = {RunState.RUNNING: StepState.RUNNING, RunState.FAILED: StepState.FAILED}
    for index, step in enumerate(plan.steps):
        step_state = StepState.DONE if index < reached else here.get(state, StepState.PENDING)
        started = began + timedelta(seconds=3 * index)
        StepRun.objects.create(
            run=run, index=index, key=step["key"], title=step["title"], stage=step["stage"],
            state=step_state if index <= reached else StepState.PENDING,
            started_at=started if index <= reached else None,
            finished_at=started + timedelta(seconds=2.4) if index < reached or step_state == StepState.FAILED else None,
            **({"progress_done": 6212, "progress_total": 10012, "progress_unit": "entries"} if index == 8 else {}),
        )  # fmt: skip
    return run


def lines(run: Run, *texts: str, level: str = "info", at: datetime | None = None) -> None:
    """Append to the log as the writer does: rows first, then the run's last number."""
    first = run.last_seq + 1
    LogLine.objects.bulk_create(
        LogLine(run=run, seq=first + i, step=0, level=level, text=text, at=at or timezone.now())
        for i, text in enumerate(texts)
    )
    run.last_seq += len(texts)
    run.save(update_fields=["last_seq"])


def bundle_of(run: Run, state: BundleState = BundleState.USED) -> Bundle:
    replica = run.plan.replica
    return Bundle.objects.create(
        replica=replica, run=run, path=f"/var/lib/ipa/replica-info-{replica}.gpg", state=state, size=18234,
        sha256=hashlib.sha256(replica.hostname.encode()).hexdigest(), certificates={"dirsrv": "17", "httpd": "18"},
        expires_at=timezone.now() + timedelta(hours=24), used_at=timezone.now() if state == BundleState.USED else None,
    )  # fmt: skip


def event(actor: str, verb: str, kind: str, pk: Any, label: str, **fields: Any) -> AuditEvent:
    count = AuditEvent.objects.count()
    fields.setdefault("at", timezone.now())
    return AuditEvent.objects.create(
        actor=actor, verb=verb, kind=kind, object_id=str(pk), label=label, address="198.51.100.7",
        previous="0" * 64, digest=f"{count:064x}", **fields,
    )  # fmt: skip

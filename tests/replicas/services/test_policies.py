"""What a realm asks for before anything runs in it, and what is run all the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from replicas.actions import break_glass as glass
from replicas.actions import submit
from replicas.actions.approve import approve
from replicas.actions.give_passwords import give_passwords
from replicas.actions.policies import set_policy
from replicas.actions.reject import reject
from replicas.actions.resubmit import restore
from replicas.actions.retry import retry
from replicas.actions.setup_dns import setup_dns
from replicas.actions.undo import remove
from replicas.choices import NoticeKind, PlanState, ReplicaState, Role, RunState
from replicas.errors import Conflict, NotAllowed
from replicas.lifecycle import lease, sweeper, voiding
from replicas.models import ApprovalPolicy, AuditEvent, Bypass, Master, Notice, Plan, Realm, Replica, Run
from replicas.permissions import Actor, may
from tests.replicas.services.conftest import KEY, Cast, bypass, person

ALWAYS, NEVER_NOW = ["Mon-Sun 00:00-24:00"], "{day} 00:00-00:01"


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("approve", "retry", "break_glass"):
        monkeypatch.setattr(f"replicas.actions.{module}.execute", lambda run_id: None)


@pytest.fixture
def ask(cast: Cast, wanted: Callable[..., Replica], twin: None) -> Callable[..., Plan]:
    """A request in a realm with the policy that is given first."""

    def make(policy: dict[str, Any], **options: Any) -> Plan:
        if policy:
            set_policy(cast.administrator, Realm.objects.get(), "tightened", **policy)
        return submit.store(cast.operator, wanted(**options), KEY)

    return make


def closed() -> list[str]:
    """A window that opens in three days."""
    day = timezone.now() + timedelta(days=3)
    return [f"{day:%a} 00:00-24:00"]


def stop(run: Run, state: RunState = RunState.FAILED) -> None:
    """A worker had it, and got stuck."""
    Run.objects.filter(pk=run.pk).update(state=state, started_at=timezone.now(), held_until=None)
    Replica.objects.update(state=ReplicaState.FAILED)
    run.refresh_from_db()


def second() -> Actor:
    return person("second", Role.APPROVER)


def test_two_approvals_start_one_run(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"needed": 2})
    assert plan.job["policy"]["needed"] == 2
    assert approve(cast.approver, plan, plan.digest, "fine") is None
    plan.refresh_from_db()
    assert plan.state == PlanState.WAITING
    assert not Run.objects.exists()
    run = approve(second(), plan, plan.digest, "fine too")
    assert run is not None
    assert Plan.objects.get().state == PlanState.APPROVED
    events = AuditEvent.objects.filter(verb="plan:approve").order_by("pk")
    assert [(event.after["approvals"], event.after["state"]) for event in events if event.after] == [
        ("1 / 2", "waiting"),
        ("2 / 2", "approved"),
    ]


def test_one_person_counts_once(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"needed": 2})
    approve(cast.approver, plan, plan.digest, "fine")
    with pytest.raises(Conflict, match="You have approved this plan already"):
        approve(cast.approver, plan, plan.digest, "again")
    with pytest.raises(NotAllowed, match="request of their own"):
        approve(cast.operator, plan, plan.digest, "mine")
    assert not Run.objects.exists()


def test_one_rejection_ends_it(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"needed": 3})
    approve(cast.approver, plan, plan.digest, "fine")
    reject(second(), plan, plan.digest, "wrong site")
    assert Plan.objects.get().state == PlanState.REJECTED
    with pytest.raises(Conflict, match="decided on already"):
        approve(cast.root, plan, plan.digest, "too late")


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, 1),
        ({"setup_ca": True}, 2),
        ({"setup_dns": True, "no_forwarders": True}, 2),
        ({"setup_ca": True, "setup_dns": True, "no_forwarders": True}, 3),
    ],
)
def test_an_authority_or_dns_needs_one_more(ask: Callable[..., Plan], options: dict[str, Any], needed: int) -> None:
    plan = ask({"extra_for_ca": True, "extra_for_dns": True}, **options)
    assert plan.frozen_job().policy.needed == needed


def test_only_people_of_the_groups_decide_and_hear_of_it(cast: Cast, ask: Callable[..., Plan]) -> None:
    Group.objects.create(name="security")
    inside = person("inside", Role.APPROVER, "security")
    plan = ask({"groups": ["security"]})
    told = Notice.objects.filter(kind=NoticeKind.WAITING)
    assert list(told.values_list("recipient__username", flat=True)) == ["inside"]
    for outside in (cast.approver, cast.root):
        with pytest.raises(NotAllowed, match="leaves this to other people.*security"):
            approve(outside, plan, plan.digest, "fine")
        assert not may(outside.user, "decide", plan)
    assert approve(inside, plan, plan.digest, "fine") is not None


def test_a_group_alone_makes_no_approver(cast: Cast, ask: Callable[..., Plan]) -> None:
    Group.objects.create(name="security")
    watcher = person("watcher", Role.VIEWER, "security")
    plan = ask({"groups": ["security"]})
    with pytest.raises(NotAllowed, match="Approver"):
        approve(watcher, plan, plan.digest, "fine")


def test_a_changed_policy_voids_what_it_touches_visibly(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"needed": 2})
    approve(cast.approver, plan, plan.digest, "fine")
    assert set_policy(cast.administrator, Realm.objects.get(), "stricter", needed=3) == 1
    plan.refresh_from_db()
    assert (plan.state, plan.replica.state) == (PlanState.VOID, ReplicaState.CANCELLED)
    event = AuditEvent.objects.get(verb="plan:void")
    assert "The policy for approvals in EXAMPLE.COM was changed." in event.reason
    assert Notice.objects.get(kind=NoticeKind.VOID).recipient == cast.operator.user
    with pytest.raises(Conflict, match="decided on already: Void"):
        approve(second(), plan, plan.digest, "fine")
    again = restore(cast.operator, plan.replica, KEY)
    assert again.frozen_job().policy.needed == 3


def test_a_changed_policy_voids_what_is_approved_and_has_not_begun(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"windows": closed()})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    assert set_policy(cast.administrator, Realm.objects.get(), "stricter", needed=2, windows=closed()) == 1
    plan.refresh_from_db()
    run.refresh_from_db()
    assert (plan.state, run.state, plan.replica.state) == (
        PlanState.VOID, RunState.CANCELLED, ReplicaState.CANCELLED,
    )  # fmt: skip
    assert "was changed" in run.error
    assert lease.claim(run.pk) is None
    ApprovalPolicy.objects.update(needed=1)  # as it was
    with pytest.raises(Conflict, match="plan is void. The policy for approvals in EXAMPLE.COM was changed"):
        retry(cast.operator, Run.objects.get())
    assert Notice.objects.get(kind=NoticeKind.VOID).recipient == cast.operator.user


def test_what_has_begun_goes_on_and_is_not_retried_under_another_policy(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    assert lease.claim(run.pk) is not None
    assert set_policy(cast.administrator, Realm.objects.get(), "stricter", needed=2) == 0
    Run.objects.update(state=RunState.FAILED)
    Replica.objects.update(state=ReplicaState.FAILED)
    with pytest.raises(Conflict, match="changed since the plan was approved"):
        retry(cast.operator, Run.objects.get())
    bypass(cast, run)
    retry(cast.operator, Run.objects.get())


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.CANCELLED])
def test_a_retry_that_waits_ends_again_under_another_policy(
    ended: RunState, cast: Cast, ask: Callable[..., Plan]
) -> None:
    plan = ask({"windows": closed()})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    stop(run, ended)
    retry(cast.operator, run, passwords={"admin": "given once"})
    assert set_policy(cast.administrator, Realm.objects.get(), "stricter", needed=2) == 0
    run.refresh_from_db()
    plan.refresh_from_db()
    assert (run.state, run.held_until, plan.state) == (ended, None, PlanState.APPROVED)
    stopped = ended == RunState.CANCELLED
    assert plan.replica.state == (ReplicaState.STOPPED if stopped else ReplicaState.FAILED)
    assert "was changed" in run.error
    assert "The new plan needs an approval" in run.remedy
    assert not plan.credentials.exists()
    assert AuditEvent.objects.filter(verb="credential:wipe").count() == 1
    assert AuditEvent.objects.latest("pk").verb == {"failed": "run:fail", "cancelled": "run:cancelled"}[ended]
    with pytest.raises(Conflict, match="changed since the plan was approved"):
        retry(cast.operator, run)


def test_a_retry_that_a_worker_has_taken_goes_on(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    stop(run)
    retry(cast.operator, run)
    taken = lease.claim(run.pk)
    assert taken is not None
    taken.give_back()
    set_policy(cast.administrator, Realm.objects.get(), "stricter", needed=2)
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


@pytest.mark.parametrize("approved", [False, True])
def test_what_is_void_has_its_passwords_wiped_with_a_trace(
    approved: bool, cast: Cast, ask: Callable[..., Plan]
) -> None:
    plan = ask({"windows": closed()})
    give_passwords(cast.operator, plan, {"admin": "given once"})
    if approved:
        approve(cast.approver, plan, plan.digest, "fine")
    set_policy(cast.administrator, Realm.objects.get(), "stricter", needed=3)
    plan.refresh_from_db()
    assert (plan.state, plan.credentials.count()) == (PlanState.VOID, 0)
    assert AuditEvent.objects.get(verb="credential:wipe").actor == "portal"


def test_the_database_too_wipes_the_passwords_of_a_void_plan(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({})
    give_passwords(cast.operator, plan, {"admin": "given once"})
    Plan.objects.update(state=PlanState.VOID)
    assert not plan.credentials.exists()


def test_a_policy_that_changes_nothing_for_a_plan_leaves_it(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"needed": 1})
    assert set_policy(cast.administrator, Realm.objects.get(), "stricter", extra_for_ca=True) == 0
    assert approve(cast.approver, plan, plan.digest, "fine") is not None


def test_a_master_that_changed_voids_the_approval(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({})
    Master.objects.update(ssh_address="192.0.2.99")
    with pytest.raises(Conflict, match=r"ipaserver\.example\.com has another address or host key.*void"):
        approve(cast.approver, Plan.objects.get(), plan.digest, "fine")
    assert not Run.objects.exists()


CERTIFICATE = {
    "subject": "CN=x", "issuer": "CN=y", "names": ["x"], "begins": "2026-01-01", "ends": "2027-01-01", "sha256": "ab",
    "chain": ["cd"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"setup_ca": True, "ip_addresses": ["192.0.2.77"]}, "ip-addresses, setup-ca"),
        ({"ntp_servers": ["ntp.example.com"]}, "ntp-servers"),
        ({"certificates": {"http_certificate": CERTIFICATE}}, "http-certificate"),
    ],
)
def test_a_request_that_changed_voids_the_approval(
    changes: dict[str, Any], names: str, cast: Cast, ask: Callable[..., Plan]
) -> None:
    plan = ask({})
    Replica.objects.update(**changes)
    with pytest.raises(Conflict, match=f"The request for .* has other options now: {names}.*void"):
        approve(cast.approver, Plan.objects.get(), plan.digest, "fine")
    assert not Run.objects.exists()


def test_what_a_plan_says_itself_is_no_change_of_the_request(
    cast: Cast, ask: Callable[..., Plan], settings: Any
) -> None:
    ask({})
    settings.BUNDLE_HOURS += 1
    assert voiding.differences(Plan.objects.get()) == []
    Plan.objects.update(state=PlanState.CANCELLED)
    Replica.objects.update(state=ReplicaState.VERIFIED)
    plans = [setup_dns(cast.operator, Replica.objects.get(), no_forwarders=True)]
    Plan.objects.update(state=PlanState.CANCELLED)
    plans += [remove(cast.operator, Replica.objects.get(), "moved", "its machine is gone")]
    assert [voiding.differences(Plan.objects.get(pk=plan.pk)) for plan in plans] == [[], []]


def test_a_plan_that_is_not_approved_in_time_is_void(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"expiry_hours": 4})
    assert plan.expires_at is not None
    assert voiding.expire() == 0
    Plan.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Conflict, match="time to approve this plan is over"):
        approve(cast.approver, Plan.objects.get(), plan.digest, "late")
    assert voiding.expire() == 1
    assert Plan.objects.get().state == PlanState.VOID
    assert "within 4 hours" in AuditEvent.objects.get(verb="plan:void").reason


def test_only_administrators_set_it_and_the_history_has_before_and_after(cast: Cast, master: Master) -> None:
    realm = Realm.objects.get()
    for actor in (cast.operator, cast.approver, cast.viewer):
        with pytest.raises(NotAllowed):
            set_policy(actor, realm, "mine", needed=2)
    for wrong in ({"needed": 0}, {"needed": 8}, {"zone": "Middle-earth"}, {"expiry_hours": 0}):
        with pytest.raises(ValidationError):
            set_policy(cast.administrator, realm, "wrong", **wrong)
    set_policy(cast.administrator, realm, "as agreed", needed=2, windows=ALWAYS)
    event = AuditEvent.objects.get(verb="policy:set")
    assert (event.before["needed"], event.after["needed"], event.reason) == (1, 2, "as agreed")  # type: ignore[index]
    with pytest.raises(Conflict, match="policy of EXAMPLE.COM already"):
        set_policy(cast.administrator, realm, "again", needed=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApprovalPolicy.objects.update(needed=0)


def test_an_approved_run_is_held_until_its_window_opens(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"windows": closed()})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    assert run.held_until is not None
    assert timedelta(days=1) < run.held_until - timezone.now() <= timedelta(days=3)
    assert lease.claim(run.pk) is None
    queue = Queue()
    assert sweeper.sweep(queue) == 0
    assert queue.asked == []
    Run.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    ApprovalPolicy.objects.all().delete()
    Plan.objects.update(job={**plan.job, "policy": {**plan.job["policy"], "windows": ALWAYS}})
    assert sweeper.sweep(queue) == 0
    assert queue.asked == [run.pk]
    assert lease.claim(run.pk) is not None


def test_a_window_that_closed_before_a_worker_came_is_waited_for_again(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"windows": closed()})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    Run.objects.update(held_until=timezone.now() - timedelta(hours=1))
    queue = Queue()
    assert sweeper.sweep(queue) == 0
    assert queue.asked == []
    assert Run.objects.get().held_until == run.held_until


def test_the_end_of_a_window_interrupts_nothing_that_has_begun(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"windows": closed()})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    Run.objects.update(held_until=timezone.now() - timedelta(hours=1))
    taken = lease.claim(run.pk)
    assert taken is not None
    taken.give_back()
    queue = Queue()
    assert sweeper.sweep(queue) == 0
    assert queue.asked == [run.pk]
    assert lease.claim(run.pk) is not None


def test_a_plan_that_is_approved_meanwhile_keeps_its_passwords(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({})
    late = Plan.objects.get()
    give_passwords(cast.operator, plan, {"admin": "given once"})
    approve(cast.approver, plan, plan.digest, "fine")
    assert not voiding.void(late, "too late")
    assert plan.credentials.count() == 1


def test_in_an_open_window_nothing_is_held(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"windows": ALWAYS})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    assert run.held is None
    assert "held_until" not in AuditEvent.objects.get(verb="run:queue").after  # type: ignore[operator]
    with pytest.raises(Conflict, match="not held"):
        glass.start_now(cast.administrator, run, "now")
    assert lease.claim(run.pk) is not None


@pytest.mark.parametrize("again", [False, True])
def test_what_begins_in_no_time_of_an_open_window_waits_for_the_next_one(
    again: bool, cast: Cast, ask: Callable[..., Plan]
) -> None:
    plan = ask({"windows": ALWAYS})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    if again:
        stop(run)
        retry(cast.operator, run)
    later = closed()
    Plan.objects.update(job={**plan.job, "policy": {**plan.job["policy"], "windows": later}})  # it closes meanwhile
    queue = Queue()
    assert sweeper.sweep(queue) == 0
    assert queue.asked == []
    assert lease.claim(run.pk) is None
    run.refresh_from_db()
    event = AuditEvent.objects.get(verb="run:hold")
    assert run.held
    assert (event.actor, event.after) == ("portal", {"held_until": run.held.isoformat()})


def test_what_needs_no_approval_waits_for_no_window_when_it_is_retried(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"windows": closed()})
    run = glass.break_glass(cast.administrator, plan, plan.digest, "it burns")
    stop(run)
    retry(cast.operator, run)
    assert Run.objects.get().held_until is None


def test_a_held_run_can_be_cancelled_and_a_retry_is_held_too(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"windows": closed()})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    Run.objects.update(cancel_requested_by="operator")
    queue = Queue()
    assert sweeper.sweep(queue) == 0
    assert queue.asked == [run.pk], "to end, it needs no window"
    Run.objects.update(state=RunState.FAILED, cancel_requested_by="", held_until=None)
    Replica.objects.update(state=ReplicaState.FAILED)
    retry(cast.operator, Run.objects.get())
    assert Run.objects.get().held_until == run.held_until


def test_an_administrator_starts_a_held_run(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"windows": closed()})
    run = approve(cast.approver, plan, plan.digest, "fine")
    assert run is not None
    with pytest.raises(NotAllowed):
        glass.start_now(cast.operator, run, "I want it")
    with pytest.raises(ValidationError):
        glass.start_now(cast.administrator, run, " ")
    glass.start_now(cast.administrator, run, "the site is down")
    assert lease.claim(run.pk) is not None
    assert AuditEvent.objects.get(verb="run:release").reason == "the site is down"
    with pytest.raises(Conflict, match="not held"):
        glass.start_now(cast.administrator, Run.objects.get(), "again")


def test_breaking_the_glass_tells_everybody_and_leaves_a_mark(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({"needed": 2, "windows": closed()})
    approve(cast.approver, plan, plan.digest, "fine")
    other = second()
    for actor in (cast.operator, cast.approver, cast.viewer):
        with pytest.raises(NotAllowed):
            glass.break_glass(actor, plan, plan.digest, "it burns")
    with pytest.raises(ValidationError):
        glass.break_glass(cast.administrator, plan, plan.digest, "")
    with pytest.raises(Conflict, match="not the one that you were looking at"):
        glass.break_glass(cast.administrator, plan, "0" * 64, "it burns")
    run = glass.break_glass(cast.administrator, plan, plan.digest, "it burns")
    assert (run.state, run.held_until) == (RunState.QUEUED, None)
    told = Notice.objects.filter(kind=NoticeKind.BYPASSED).order_by("recipient__username")
    assert [notice.recipient.get_username() for notice in told] == ["root", "second"], "the approver was not passed by"
    event = AuditEvent.objects.get(verb="plan:bypass")
    assert event.after == {"state": "approved", "bypassed": ["root", "second"]}
    bypass = Bypass.objects.get()
    for actor in (cast.administrator, cast.operator, cast.viewer):
        with pytest.raises(NotAllowed):
            glass.review(actor, bypass, "looks fine")
    glass.review(other, bypass, "it did burn")
    assert AuditEvent.objects.get(verb="run:review").actor == "second"
    with pytest.raises(Conflict):
        glass.review(cast.root, Bypass.objects.get(), "me too")


def test_nobody_breaks_the_glass_for_a_plan_that_is_void(cast: Cast, ask: Callable[..., Plan]) -> None:
    ask({})
    Master.objects.update(ssh_address="192.0.2.99")
    plan = Plan.objects.get()
    with pytest.raises(Conflict, match=r"ipaserver\.example\.com has another address or host key.*void"):
        glass.break_glass(cast.administrator, plan, plan.digest, "it burns")
    assert not Run.objects.exists()


def test_the_database_too_wants_somebody_else_to_review(cast: Cast, ask: Callable[..., Plan]) -> None:
    plan = ask({})
    glass.break_glass(cast.administrator, plan, plan.digest, "it burns")
    for user in (cast.administrator.user, cast.operator.user):
        with pytest.raises(IntegrityError), transaction.atomic():
            Bypass.objects.update(reviewed_by=user, reviewed_at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_two_approvers_at_once_start_one_run(
    wanted: Callable[..., Replica], twin: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, administrator = person("op", Role.OPERATOR), person("ad", Role.ADMINISTRATOR)
    people = [person(f"approver{number}", Role.APPROVER) for number in range(6)]
    set_policy(administrator, Realm.objects.get(), "four eyes", needed=2)
    plan = submit.store(operator, wanted(), KEY)

    def decide(actor: Actor) -> bool:
        try:
            own = Actor(User.objects.get(pk=actor.user.pk) if actor.user else None)
            return approve(own, Plan.objects.get(), plan.digest, "fine") is not None
        except Conflict:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        started = list(pool.map(decide, people))
    assert started.count(True) == 1
    assert Run.objects.count() == 1
    assert Plan.objects.get().approvals.count() == 2


class Queue:
    """Remembers the runs that it was asked to execute."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def execute(self, run_id: int) -> object:
        self.asked.append(run_id)
        return None

    def waiting(self) -> set[int]:
        return set()

    def deliver(self) -> object:
        return None

    def verify_history(self, by: str) -> object:
        return None

    def look(self, realm_id: int) -> object:
        return None

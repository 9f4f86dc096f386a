"""The pages of policies, of runs without approval, and of held runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from replicas.choices import PlanState, ReplicaState, Role, RunState
from replicas.models import ApprovalPolicy, Bypass, Plan, Run
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World

FORM = {"needed": "1", "expiry_hours": "", "windows": "", "zone": "UTC", "reason": "as agreed"}


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("approve", "break_glass"):
        monkeypatch.setattr(f"replicas.actions.{module}.execute", lambda run_id: None)


def set_policy(world: World, **changes: str | list[str]) -> str:
    where = reverse("policy", args=[world.master.pk])
    return world.client("administrator").post(where, FORM | changes, follow=True).content.decode()


def test_an_administrator_sets_it(world: World) -> None:
    Group.objects.create(name="security")
    page = set_policy(
        world, needed="2", groups=["security"], windows="Sat,Sun 00:00-24:00\n Mon  22:00-04:00 ", zone="Europe/Berlin"
    )
    policy = ApprovalPolicy.objects.get()
    assert "The policy is stored. 1 plan that waited would now need something else, and is void." in page
    assert (policy.needed, policy.groups, policy.zone) == (2, ["security"], "Europe/Berlin")
    assert policy.windows == ["Sat,Sun 00:00-24:00", "Mon 22:00-04:00"]
    assert Plan.objects.get(pk=world.waiting.pk).state == PlanState.VOID
    form = world.client("administrator").get(reverse("policy", args=[world.master.pk])).content.decode()
    assert "Sat,Sun 00:00-24:00\nMon 22:00-04:00" in form


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("needed", "0", "greater than or equal to 1"),
        ("windows", "whenever you like", "«whenever you like» names no time"),
        ("zone", "Middle-earth", "is no time zone"),
        ("groups", "strangers", "not one of the available choices"),
        ("reason", "", "This field is required"),
    ],
)
def test_what_is_wrong_is_said(world: World, field: str, value: str, words: str) -> None:
    assert words in set_policy(world, **{field: value})
    assert not ApprovalPolicy.objects.exists()


def test_the_plan_tells_what_it_needs_and_who_has_given_it(world: World) -> None:
    ApprovalPolicy.objects.create(realm=world.master.realm, needed=2, expiry_hours=8, changed_by="administrator")
    replica = w.request(world.master, "two.example.com", world.people["operator"], ReplicaState.REQUESTED)
    plan = w.plan_of(replica, PlanState.WAITING)
    where = reverse("plan", args=[plan.pk])
    data = {"digest": plan.digest, "reason": "fine"}
    page = world.client("approver").post(reverse("approve", args=[plan.pk]), data, follow=True).content.decode()
    assert "It needs the approval of somebody else as well." in page
    assert "1 of 2" in page
    assert "You have approved it. Somebody else gives the next approval." in page
    assert "Approve and run" not in page
    assert "Approve and run" in world.client("root").get(where).content.decode()
    page = world.client("root").post(reverse("approve", args=[plan.pk]), data, follow=True).content.decode()
    assert "Approved. The run is queued." in page


def test_a_plan_of_another_policy_is_shown_as_void(world: World) -> None:
    ApprovalPolicy.objects.create(realm=world.master.realm, needed=2, changed_by="administrator")
    page = world.client("approver").get(reverse("plan", args=[world.waiting.pk])).content.decode()
    assert "The policy for approvals in EXAMPLE.COM was changed." in page
    assert "This plan is void." in page


def test_only_what_a_person_may_decide_is_counted(world: World) -> None:
    Group.objects.create(name="security")
    ApprovalPolicy.objects.create(realm=world.master.realm, groups=["security"], changed_by="administrator")
    replica = w.request(world.master, "secret.example.com", world.people["operator"], ReplicaState.REQUESTED)
    w.plan_of(replica, PlanState.WAITING)
    dashboard = reverse("dashboard")
    assert 'title="waiting for you">1<' in world.client("approver").get(dashboard).content.decode()
    assert 'title="waiting for you">1<' in world.client("root").get(dashboard).content.decode(), "policies bind it too"
    world.people["both"].groups.add(Group.objects.get(name="security"))
    assert 'title="waiting for you">2<' in world.client("both").get(dashboard).content.decode()
    assert "secret.example.com" not in world.client("approver").get(dashboard).content.decode().partition("Recent")[0]


def test_breaking_the_glass_and_the_review(world: World) -> None:
    plan = world.waiting
    where = reverse("plan", args=[plan.pk])
    assert "Run without approval" not in world.client("approver").get(where).content.decode()
    assert "Run without approval" in world.client("administrator").get(where).content.decode()
    data = {"digest": plan.digest, "reason": ""}
    page = world.client("administrator").post(reverse("break_glass", args=[plan.pk]), data, follow=True)
    assert "Say why." in page.content.decode()
    data["reason"] = "the site is down"
    page = world.client("administrator").post(reverse("break_glass", args=[plan.pk]), data, follow=True)
    assert "Run without approval by administrator" in page.content.decode()
    run = Run.objects.get(plan=plan)
    page = world.client("approver").get(reverse("run", args=[run.pk]))
    assert reverse("review", args=[run.pk]) in page.content.decode()
    assert (
        reverse("review", args=[run.pk])
        not in world.client("viewer").get(reverse("run", args=[run.pk])).content.decode()
    )
    assert (
        "Run without approval by administrator" in world.client("approver").get(reverse("dashboard")).content.decode()
    )
    page = world.client("approver").post(reverse("review", args=[run.pk]), {"text": "it was"}, follow=True)
    assert "Reviewed by approver" in page.content.decode()
    assert Bypass.objects.get().review == "it was"
    assert "Run without approval by" not in world.client("approver").get(reverse("dashboard")).content.decode()


def test_a_held_run_says_until_when(world: World) -> None:
    later = timezone.now() + timedelta(days=1)
    replica = w.request(world.master, "held.example.com", world.people["operator"], ReplicaState.APPROVED)
    run = w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.QUEUED, 0, held_until=later)
    for page in (reverse("run", args=[run.pk]), reverse("replica", args=[replica.pk])):
        assert "held until its maintenance window opens" in world.client("viewer").get(page).content.decode()
    assert reverse("start_now", args=[run.pk]) not in world.client("operator").get(page).content.decode()
    answer = world.client("administrator").post(
        reverse("start_now", args=[run.pk]), {"reason": "the site is down"}, follow=True
    )
    assert "The run begins." in answer.content.decode()
    assert Run.objects.get(pk=run.pk).held_until is None


def test_a_run_in_an_open_window_is_not_called_held(world: World) -> None:
    before = timezone.now() - timedelta(hours=1)
    replica = w.request(world.master, "open.example.com", world.people["operator"], ReplicaState.APPROVED)
    run = w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.QUEUED, 0, held_until=before)
    page = world.client("administrator").get(reverse("run", args=[run.pk])).content.decode()
    assert "held until its maintenance window opens" not in page
    assert reverse("start_now", args=[run.pk]) not in page


def test_an_approval_in_an_open_window_queues_the_run(world: World) -> None:
    ApprovalPolicy.objects.create(realm=world.master.realm, windows=["Mon-Sun 00:00-24:00"], changed_by="administrator")
    replica = w.request(world.master, "open.example.com", world.people["operator"], ReplicaState.REQUESTED)
    plan = w.plan_of(replica, PlanState.WAITING)
    data = {"digest": plan.digest, "reason": "fine"}
    page = world.client("approver").post(reverse("approve", args=[plan.pk]), data, follow=True).content.decode()
    assert "Approved. The run is queued." in page


def test_a_policy_that_nobody_can_satisfy_is_told_with_its_numbers(world: World) -> None:
    Group.objects.create(name="security")
    where = reverse("policy", args=[world.master.pk])
    told = "may need by this policy: {needed}. People who can be sure to give one: {able}"
    page = set_policy(world, needed="2", extra_for_ca="on", groups=["security"])
    assert told.format(needed=3, able=0) in page
    assert ApprovalPolicy.objects.get().needed == 2, "people may come later"
    assert told.format(needed=3, able=0) in world.client("administrator").get(where).content.decode()
    for number in range(3):
        user = User.objects.create_user(f"guard{number}")
        user.groups.set(Group.objects.filter(name__in=("security", Role.APPROVER)))
    assert "may need by this policy" not in world.client("administrator").get(where).content.decode()
    user.groups.add(Group.objects.get(name=Role.OPERATOR))  # and might be the one who asks
    assert told.format(needed=3, able=2) in world.client("administrator").get(where).content.decode()


def test_an_approver_without_the_group_only_looks(world: World) -> None:
    user = User.objects.create_user("newcomer", password=w.PASSWORD)
    user.groups.add(Group.objects.get(name=Role.APPROVER))
    ApprovalPolicy.objects.create(realm=world.master.realm, groups=["operator"], changed_by="administrator")
    replica = w.request(world.master, "secret.example.com", world.people["operator"], ReplicaState.REQUESTED)
    plan = w.plan_of(replica, PlanState.WAITING)
    assert "Approve and run" not in world.client("approver").get(reverse("plan", args=[plan.pk])).content.decode()
    data = {"digest": plan.digest, "reason": "fine"}
    assert world.client("approver").post(reverse("approve", args=[plan.pk]), data).status_code == 403

"""Which run of a replica its page is about, what is offered for it, and what is offered on the pages of the others."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from replicas.choices import PlanAction, PlanState, ReplicaState, Role, RunState
from replicas.models import Bundle, Plan, Replica, Run, StepRun
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World
from tests.replicas.views.test_replicas import act, offered

OLD = ["_old._tcp.example.com. 3600 IN SRV 0 100 389 failed.example.com."]


def later(world: World, action: PlanAction, state: RunState, reached: int = 1) -> Run:
    """A run after the failed installation, which had that run's facts."""
    plan = w.plan_of(world.failed.plan.replica, PlanState.APPROVED, action)
    return w.run_of(plan, state, reached, facts={"missing_records": OLD}, finished_at=timezone.now())


def never_began(world: World, action: PlanAction, plan_state: PlanState = PlanState.APPROVED) -> Run:
    run = later(world, action, RunState.CANCELLED)
    StepRun.objects.filter(run=run).update(started_at=None)
    Plan.objects.filter(pk=run.plan_id).update(state=plan_state)
    return run


def on_page_of(world: World, run: Run, who: str = "operator") -> set[str]:
    page = world.client(who).get(reverse("run", args=[run.pk]))
    trouble = page.context["trouble"]
    return {action.name for action in (*page.context["acts"], *(trouble.acts if trouble else ()))}


def test_after_a_revocation_a_retried_installation_is_stopped_and_tried_again(world: World) -> None:
    install, replica = world.failed, world.failed.plan.replica
    revocation = later(world, PlanAction.REVOKE, RunState.SUCCEEDED, 10)
    assert on_page_of(world, install) == offered(world, "operator", replica) == {"retry", "undo"}
    assert on_page_of(world, revocation) == set()
    assert act(world, "operator", replica, "retry", reason="") == 302
    Run.objects.filter(pk=install.pk).update(state=RunState.RUNNING)
    assert offered(world, "operator", replica) == on_page_of(world, install) == {"cancel", "stop"}
    assert act(world, "operator", replica, "cancel", reason="Wrong site") == 302
    install.refresh_from_db()
    assert install.cancel_requested_by == "operator"


def test_a_failed_revocation_is_tried_again_on_its_own_page(world: World) -> None:
    install, replica = world.failed, world.failed.plan.replica
    Run.objects.filter(pk=install.pk).update(finished_at=install.created_at)
    revocation = later(world, PlanAction.REVOKE, RunState.FAILED)
    page = world.client("operator").get(reverse("replica", args=[replica.pk]))
    assert page.context["run"] == install
    assert on_page_of(world, revocation) == {"retry"}
    html = world.client("operator").get(reverse("run", args=[revocation.pk])).content.decode()
    assert f'name="run" value="{revocation.pk}"' in html
    assert act(world, "operator", replica, "retry", reason="", run=revocation.pk) == 302
    install.refresh_from_db()
    revocation.refresh_from_db()
    assert (install.state, revocation.state) == (RunState.FAILED, RunState.QUEUED)


def test_a_failed_revocation_is_offered_where_nothing_else_stopped(world: World) -> None:
    Run.objects.filter(pk=world.failed.pk).update(state=RunState.SUCCEEDED, finished_at=world.failed.created_at)
    replica = world.failed.plan.replica
    Replica.objects.filter(pk=replica.pk).update(state=ReplicaState.VERIFIED)
    revocation = later(world, PlanAction.REVOKE, RunState.FAILED)
    assert "retry" in offered(world, "operator", replica)
    assert act(world, "operator", replica, "retry", reason="") == 302
    revocation.refresh_from_db()
    assert revocation.state == RunState.QUEUED


def test_what_a_revocation_was_told_is_not_what_was_found(world: World) -> None:
    Run.objects.filter(pk=world.failed.pk).update(facts={"missing_records": []})
    revocation = later(world, PlanAction.REVOKE, RunState.SUCCEEDED, 10)
    for where in (reverse("replica", args=[world.failed.plan.replica_id]), reverse("run", args=[revocation.pk])):
        assert world.client("operator").get(where).context["records"] == []


@pytest.mark.parametrize("state", [PlanState.VOID, PlanState.APPROVED])
def test_an_undo_that_never_began_leaves_the_installation_to_be_tried_again(world: World, state: PlanState) -> None:
    undo = never_began(world, PlanAction.UNDO, state)
    install, replica = world.failed, world.failed.plan.replica
    assert offered(world, "operator", replica) == on_page_of(world, install) == {"retry", "undo"}
    assert on_page_of(world, undo) == ({"retry"} if state == PlanState.APPROVED else set())
    assert act(world, "operator", replica, "retry", reason="") == 302
    install.refresh_from_db()
    assert install.state == RunState.QUEUED


def test_what_is_at_work_is_cancelled_before_what_waits(world: World) -> None:
    """Whoever asked for it may, though somebody else's plan came later."""
    run, replica = world.running, world.running.plan.replica
    other = w.person("other", Role.OPERATOR)
    plan = w.plan_of(replica, PlanState.WAITING, PlanAction.RECORDS)
    Plan.objects.filter(pk=plan.pk).update(requested_by=other)
    world.people["other"] = other
    assert offered(world, "operator", replica) == {"cancel", "stop"}
    assert offered(world, "other", replica) == set()
    assert act(world, "operator", replica, "cancel", reason="Wrong site") == 302
    run.refresh_from_db()
    plan.refresh_from_db()
    assert (run.cancel_requested_by, plan.state) == ("operator", PlanState.WAITING)
    assert offered(world, "other", replica) == {"cancel"}


def test_a_retry_asks_for_the_passwords_of_its_own_run(world: World) -> None:
    world.master.realm.credentials.all().delete()
    later(world, PlanAction.REVOKE, RunState.SUCCEEDED, 10)
    page = world.client("operator").get(reverse("replica", args=[world.failed.plan.replica_id]))
    acts = (*page.context["acts"], *page.context["trouble"].acts)
    form = next(one.form for one in acts if one.name == "retry")
    assert "stored" in str(form.fields["directory_manager"].help_text)
    assert not Bundle.objects.filter(replica=world.running.plan.replica).exists()

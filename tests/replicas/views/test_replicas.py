"""The list of replicas, the request, and what can be done with one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from replicas.choices import PlanAction, ReplicaState, RunState
from replicas.models import Draft, Master, Plan, Realm, Replica, Run
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World

ASKED = {
    "hostname": "new.example.com", "ssh_address": "192.0.2.30", "ssh_port": "22", "ssh_user": "root",
    "forward_policy": "first", "ip_addresses": "192.0.2.30",
}  # fmt: skip


def act(world: World, who: str, replica: Replica, name: str, **data: Any) -> int:
    return world.client(who).post(reverse("replica_act", args=[replica.pk, name]), data).status_code


def offered(world: World, who: str, replica: Replica) -> set[str]:
    page = world.client(who).get(reverse("replica", args=[replica.pk]))
    trouble = page.context["trouble"]
    return {action.name for action in (*page.context["acts"], *(trouble.acts if trouble else ()))}


def test_the_list_filters_by_state_and_name(world: World) -> None:
    answer = world.client("viewer").get(reverse("replicas"), {"state": "failed", "hostname": "FAIL"})
    page = answer.content.decode()
    assert "failed.example.com" in page
    assert "verified.example.com" not in page


def test_an_unreachable_host_is_told_on_the_form(world: World) -> None:
    answer = world.client("operator").post(reverse("replica_request"), ASKED | {"master": world.master.pk})
    page = answer.content.decode()
    assert "192.0.2.30 does not answer on port 22." in page
    assert "Is the host up?" in page
    assert not Replica.objects.filter(hostname="new.example.com").exists()


def test_a_wrong_name_is_told_at_its_field(world: World) -> None:
    answer = world.client("operator").post(
        reverse("replica_request"), ASKED | {"master": world.master.pk, "hostname": "New_1.example.com"}
    )
    assert "hostname" in answer.context["form"].errors


@pytest.mark.parametrize(
    ("name", "acts"),
    [("waiting", {"cancel"}), ("failed", {"retry", "undo"}), ("running", {"cancel", "stop"}), ("verified", None)],
)
def test_what_is_offered_fits_the_state(name: str, acts: set[str] | None, world: World) -> None:
    replica = Replica.objects.get(hostname=f"{name}.example.com")
    assert offered(world, "operator", replica) == (acts or {"dns", "records", "remove"})
    assert offered(world, "viewer", replica) == set()


def test_missing_records_are_shown_and_added(world: World) -> None:
    page = world.client("operator").get(reverse("replica", args=[world.verified.pk])).content.decode()
    assert "_ldap._tcp.example.com. 3600 IN SRV 0 100 389 verified.example.com." in page


def test_cancelling_takes_the_request_back(world: World) -> None:
    replica = world.waiting.replica
    assert act(world, "operator", replica, "cancel", reason="Wrong site") == 302
    replica.refresh_from_db()
    assert replica.state == ReplicaState.CANCELLED


def test_stopping_in_the_middle_has_to_be_confirmed(world: World) -> None:
    replica, run = world.running.plan.replica, world.running
    act(world, "operator", replica, "stop", reason="Wrong site")
    run.refresh_from_db()
    assert (run.cancel_requested_by, run.cancel_now) == ("", False)
    assert act(world, "operator", replica, "stop", reason="Wrong site", confirmed="on") == 302
    run.refresh_from_db()
    assert (run.cancel_requested_by, run.cancel_now) == ("operator", True)
    assert offered(world, "operator", replica) == set()


def test_a_queued_run_says_what_it_waits_for(world: World, settings: Settings) -> None:
    settings.RUNS_PER_MASTER = 1
    Run.objects.filter(pk=world.failed.pk).update(state=RunState.QUEUED)
    page = world.client("viewer").get(reverse("run", args=[world.failed.pk])).content.decode()
    assert "runs at most 1 at a time" in page
    assert world.running.plan.replica.hostname in page


def test_a_queued_run_says_which_run_of_its_freeipa_realm_it_waits_for(world: World, settings: Settings) -> None:
    settings.RUNS_PER_MASTER = 9
    Realm.objects.update(backend="freeipa")
    Run.objects.filter(pk=world.failed.pk).update(state=RunState.QUEUED)
    page = world.client("viewer").get(reverse("run", args=[world.failed.pk])).content.decode()
    assert "EXAMPLE.COM allows one installation, removal, new role or re-initialization at a time" in page
    assert reverse("run", args=[world.running.pk]) in page


@pytest.mark.parametrize(
    "other", [{"held_until": timezone.now() + timedelta(hours=1)}, {"cancel_requested_by": "operator"}]
)
def test_a_run_that_waits_for_something_else_does_not_say_that_it_waits_for_a_turn(
    other: dict[str, Any], world: World, settings: Settings
) -> None:
    settings.RUNS_PER_MASTER = 1
    Run.objects.filter(pk=world.failed.pk).update(state=RunState.QUEUED, **other)
    for where in (reverse("run", args=[world.failed.pk]), reverse("replica", args=[world.failed.plan.replica_id])):
        assert "Running now:" not in world.client("viewer").get(where).content.decode()


def test_retrying_queues_the_run(world: World) -> None:
    assert act(world, "operator", world.failed.plan.replica, "retry", reason="") == 302
    world.failed.refresh_from_db()
    assert (world.failed.state, world.failed.attempt) == (RunState.QUEUED, 2)


def test_a_refusal_is_told_on_the_page(world: World) -> None:
    answer = world.client("operator").post(
        reverse("replica_act", args=[world.waiting.replica_id, "dns"]), {"no_forwarders": "on"}
    )
    assert answer.status_code == 200
    assert "DNS service can be added to a verified replica" in answer.content.decode()
    assert not world.waiting.replica.plans.filter(action=PlanAction.DNS).exists()


def test_there_are_no_other_actions(world: World) -> None:
    assert act(world, "root", world.verified, "explode") == 404


def test_another_server_is_offered_for_a_removal_where_there_is_one(world: World) -> None:
    where = reverse("replica", args=[world.verified.pk])
    assert "Work on the realm from another server" not in world.client("operator").get(where).content.decode()
    other = Master.objects.create(
        hostname="second.example.com", ssh_address="192.0.2.30", host_key=w.key_of("second.example.com"),
        realm=world.master.realm, ca=True,
    )  # fmt: skip
    form = world.client("operator").get(where).content.decode()
    assert "Work on the realm from another server" in form
    assert f'<option value="{other.pk}">second.example.com</option>' in form
    sent = {"reason": "The master burnt down", "way_in": other.pk}
    answer = world.client("operator").post(
        reverse("replica_act", args=[world.verified.pk, "remove"]), sent, follow=True
    )
    shown = answer.content.decode()
    assert "Worked on without" in shown
    assert "ipaserver.example.com is left out" in shown
    draft = Draft.objects.get(act="remove")
    assert draft.frozen_job().master.hostname == "second.example.com"
    client = world.client("operator")
    client.post(reverse("draft_submit", args=[draft.pk]), {"despite": "not checked yet"}, follow=True)
    assert Plan.objects.latest("pk").job["options"]["instead_of"] == "ipaserver.example.com"


@pytest.mark.parametrize("state", [ReplicaState.VERIFIED, ReplicaState.REMOVING, ReplicaState.STOPPED])
def test_the_host_of_another_server_is_refused_at_its_field(world: World, state: ReplicaState) -> None:
    """In either notation; no draft is made, so nothing is offered to be submitted."""
    Replica.objects.filter(pk=world.verified.pk).update(state=state)
    taken = world.verified.ssh_address
    given = {"ssh_address": taken, "master": world.master.pk}
    answer = world.client("operator").post(reverse("replica_request"), ASKED | given)
    assert "belongs to verified.example.com" in str(answer.context["form"].errors["ssh_address"])
    assert not Draft.objects.exists()


def test_a_clone_of_another_server_is_refused_on_the_form(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key = world.verified.host_key.key
    monkeypatch.setattr("replicas.actions.host_keys.fetch", lambda address, port: key)
    page = world.client("operator").post(reverse("replica_request"), ASKED | {"master": world.master.pk})
    assert "presents the SSH host key of verified.example.com (a replica, Verified)" in page.content.decode()
    assert "clones of one image" in page.content.decode()
    assert not Draft.objects.exists()

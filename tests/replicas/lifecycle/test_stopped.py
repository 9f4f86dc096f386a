"""Who stopped a run, and why: the same words in its row, in the history, in notifications and in e-mails."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.template.loader import render_to_string

from replicas.actions.cancel import cancel_run
from replicas.choices import PlanAction, ReplicaState, Role, RunState
from replicas.lifecycle import runner
from replicas.models import AuditEvent, Notice, Plan, Run
from replicas.permissions import Actor
from replicas.templatetags.history_tags import by, verb
from tests.replicas.lifecycle.rows import make_run

pytestmark = pytest.mark.django_db(transaction=True)


def person(name: str) -> Actor:
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name=Role.ADMINISTRATOR))
    return Actor(user)


def test_everything_names_the_user_and_the_reason(twin_realm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replicas.actions.cancel.execute", lambda run_id: None)
    run = make_run()
    alice, bob = person("alice"), person("bob")
    Plan.objects.update(requested_by=bob.user)
    cancel_run(alice, run, "wrong host")
    runner.execute(run.pk)
    run.refresh_from_db()
    assert (run.state, run.get_state_display()) == (RunState.CANCELLED, "Stopped")
    assert run.error == "Stopped by alice before the first step."
    event = AuditEvent.objects.get(verb="run:cancelled")
    assert (by(event), event.reason, verb(event.verb)) == ("alice", "wrong host", "Run stopped")
    notice = Notice.objects.get(run=run)
    assert notice.recipient == bob.user, "not alice herself"
    assert (notice.actor, notice.reason, notice.title) == ("alice", "wrong host", "Stopped")
    context = {"notice": notice, "url": "https://portal.example.com/"}
    assert render_to_string("notices/subject.txt", context).strip().startswith("Stopped: ")
    text = render_to_string("notices/email.txt", context)
    for words in ("Stopped (alice)", "wrong host", "Stopped by alice"):
        assert words in text
    assert "Cancelled" not in text
    assert "portal)" not in text


def test_a_replica_whose_removal_never_began_is_what_it_was(twin_realm: None) -> None:
    run = make_run(action=PlanAction.REMOVE)
    replica = run.plan.replica
    replica.verified_at = run.created_at
    replica.save()
    Run.objects.filter(pk=run.pk).update(cancel_requested_by="alice")
    runner.execute(run.pk)
    replica.refresh_from_db()
    assert (replica.state, replica.condition) == (ReplicaState.VERIFIED, "Verified")

"""What runs know of a bundle that was revoked, of the next one, and of runs that never began."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.utils import timezone

from replicas.actions.cancel import cancel_run
from replicas.actions.retry import retry
from replicas.actions.revoke_bundle import revoke_bundle
from replicas.actions.undo import undo
from replicas.backends.freeipa.steps.revoke import RevokePassword
from replicas.backends.native.steps.revoke import RevokeCertificates
from replicas.choices import PlanState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle import voiding
from replicas.lifecycle.base import Context, Step
from replicas.lifecycle.inheritance import inherited
from replicas.lifecycle.steps import sealed
from replicas.models import Bundle, HostKey, Plan, Realm, Replica, Run, StepRun
from tests.replicas.services.conftest import KEY, Cast, approve

REVOKING: list[Step] = [RevokeCertificates(), RevokePassword()]
Fail = Callable[..., Run]


@pytest.fixture
def fail() -> Fail:
    """Let a run stop after its first step, with these facts beside what it knows."""

    def stop(run: Run, state: RunState = RunState.FAILED, **facts: Any) -> Run:
        now = timezone.now()
        StepRun.objects.filter(run=run, index=1).update(started_at=now)
        known = Run.objects.get(pk=run.pk).facts | facts
        Run.objects.filter(pk=run.pk).update(state=state, facts=known, started_at=now, finished_at=now)
        Replica.objects.update(state=ReplicaState.FAILED)
        return Run.objects.get(pk=run.pk)

    return stop


@pytest.fixture
def install(cast: Cast, plan: Plan, fail: Fail) -> Run:
    """It has sealed a bundle, and failed."""
    run = approve(cast.approver, plan, plan.digest, "needed")
    return fail(run, bundle_sha256="one", certificate_serials={"dirsrv": "1"}, set_aside=["/etc/a"])


def bundle(run: Run) -> Bundle:
    end = timezone.now() + timedelta(hours=1)
    digest = str(run.facts[sealed.SHA256])
    return Bundle.objects.create(replica=run.plan.replica, run=run, path="/b", sha256=digest, size=1, expires_at=end)


def revoke(cast: Cast, run: Run, fail: Fail, state: RunState = RunState.SUCCEEDED) -> Run:
    """The bundle of that run; what its steps note when they come to their end."""
    digest = run.facts[sealed.SHA256]
    revocation = revoke_bundle(cast.operator, bundle(run), "seen by others")
    if state == RunState.FAILED:
        return fail(revocation, certificates_revoked=digest)
    done = {"certificates_revoked": digest, "password_revoked": digest, "bundle_removed": digest}
    return fail(revocation, state, **done, missing_records=["old"])


def retried(cast: Cast, run: Run, fail: Fail) -> Run:
    """It seals another bundle, and fails again."""
    retry(cast.operator, run)
    return fail(run, bundle_sha256="two", certificate_serials={"dirsrv": "2"}, set_aside=["/etc/b"], missing_records=[])


def done(step: Step, run: Run) -> bool:
    return asyncio.run(step.done(cast(Context, SimpleNamespace(facts=run.facts))))


@pytest.mark.parametrize("step", REVOKING, ids=lambda step: type(step).__name__)
def test_the_second_bundle_is_revoked_as_well(cast: Cast, install: Run, fail: Fail, step: Step) -> None:
    assert done(step, revoke(cast, install, fail))
    run = retried(cast, install, fail)
    second = revoke_bundle(cast.operator, bundle(run), "seen again")
    assert (second.facts[sealed.SHA256], second.facts[sealed.SERIALS]) == ("two", {"dirsrv": "2"})
    assert not sealed.is_about(second.facts, sealed.REMOVED)
    assert not done(step, second)


def test_an_undo_knows_what_the_retried_installation_did(cast: Cast, install: Run, fail: Fail) -> None:
    revoke(cast, install, fail)
    run = retried(cast, install, fail)
    plan = undo(cast.operator, run.plan.replica, "wrong site")
    facts = approve(cast.approver, plan, plan.digest, "fine").facts
    assert (facts[sealed.SHA256], facts["set_aside"], facts["missing_records"]) == ("two", ["/etc/b"], [])
    assert not sealed.is_about(facts, "certificates_revoked")


def test_an_undo_knows_what_is_revoked_already(cast: Cast, install: Run, fail: Fail) -> None:
    revoke(cast, install, fail)
    facts = inherited(undo(cast.operator, install.plan.replica, "wrong site"))
    for fact in ("certificates_revoked", sealed.REMOVED, sealed.REVOKED):
        assert sealed.is_about(facts, fact)


def test_a_revocation_is_not_tried_again_for_the_next_bundle(cast: Cast, install: Run, fail: Fail) -> None:
    revocation = revoke(cast, install, fail, RunState.FAILED)
    retried(cast, install, fail)
    with pytest.raises(Conflict, match="later run"):
        retry(cast.operator, revocation)


def test_a_failed_revocation_is_tried_again(cast: Cast, install: Run, fail: Fail) -> None:
    revocation = revoke(cast, install, fail, RunState.FAILED)
    retry(cast.operator, revocation)
    revocation.refresh_from_db()
    assert (revocation.state, revocation.facts["certificates_revoked"]) == (RunState.QUEUED, "one")


@pytest.fixture
def called_off(cast: Cast, install: Run) -> Run:
    """An undo that was approved, and never began: the host has another key by now."""
    plan = undo(cast.operator, install.plan.replica, "wrong site")
    run = approve(cast.approver, plan, plan.digest, "fine")
    HostKey.objects.filter(hostname=install.plan.replica.hostname).update(key=KEY.replace("DPR0", "DPR1"))
    assert voiding.void_outdated(Realm.objects.get()) == 1
    HostKey.objects.filter(hostname=install.plan.replica.hostname).update(key=KEY)
    return Run.objects.get(pk=run.pk)


def test_an_undo_that_never_began_does_not_stand_in_the_way(
    cast: Cast, install: Run, called_off: Run, fail: Fail
) -> None:
    with pytest.raises(Conflict, match="plan is void. .* has another address or host key"):
        retry(cast.operator, called_off)
    retried(cast, install, fail)
    facts = inherited(undo(cast.operator, install.plan.replica, "wrong site"))
    assert facts[sealed.SHA256] == "two"


def cancelled(cast: Cast, install: Run) -> Run:
    """An undo that was taken back while it waited for a worker."""
    plan = undo(cast.operator, install.plan.replica, "wrong site")
    run = approve(cast.approver, plan, plan.digest, "fine")
    cancel_run(cast.operator, run, "not yet")
    Run.objects.filter(pk=run.pk).update(
        state=RunState.CANCELLED, started_at=timezone.now(), finished_at=timezone.now()
    )
    return Run.objects.get(pk=run.pk)


def test_one_that_was_cancelled_before_it_began_can_be_tried_again(cast: Cast, install: Run) -> None:
    run = cancelled(cast, install)
    Run.objects.filter(pk=install.pk).update(facts=install.facts | {"noted": "since"})
    retry(cast.operator, run)
    run.refresh_from_db()
    assert (run.state, run.facts["noted"]) == (RunState.QUEUED, "since")


def test_but_not_after_the_installation_went_on(cast: Cast, install: Run, fail: Fail) -> None:
    run = cancelled(cast, install)
    retried(cast, install, fail)
    with pytest.raises(Conflict, match="later run"):
        retry(cast.operator, run)


def test_a_request_that_has_ended_is_not_retried(cast: Cast, plan: Plan) -> None:
    run = approve(cast.approver, plan, plan.digest, "needed")
    Run.objects.update(state=RunState.CANCELLED)
    Replica.objects.update(state=ReplicaState.CANCELLED)
    with pytest.raises(Conflict, match="another state: Cancelled"):
        retry(cast.operator, Run.objects.get(pk=run.pk))
    assert Plan.objects.get().state == PlanState.APPROVED

"""Retry a run from the step that it stopped at: what is done already is checked, and not done again."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.alone import require_alone
from replicas.actions.approve import opening
from replicas.actions.claim import claim
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.actions.host_keys import require_pinned
from replicas.choices import PlanAction, PlanState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle.job import UPLOADS
from replicas.lifecycle.voiding import policy_of
from replicas.models import Bypass, Run
from replicas.permissions import Actor, require
from replicas.tasks import execute
from replicas.uploads.reading import read

STOPPED = (RunState.FAILED, RunState.CANCELLED)


@transaction.atomic
def retry(actor: Actor, run: Run, reason: str = "", passwords: Mapping[str, str] = NONE) -> None:
    """Queue the run again, with passwords and uploaded certificates for it alone (by name).

    Raises NotAllowed, ValidationError for another certificate than the approved one, Conflict when it has not stopped
    or another run works on the replica.
    """
    require(actor, "retry", run)
    _require_same_certificates(run, passwords)
    if run.state in STOPPED:
        require_alone(run.plan.replica)
        _require_newest(run)
        require_pinned(run.plan)
        _require_same_policy(run)
    before = {"state": run.state, "attempt": run.attempt, "error": run.error}
    claim(
        run,
        {"state__in": STOPPED},
        state=RunState.QUEUED,
        attempt=F("attempt") + 1,
        cancel_requested_by="",
        cancel_now=False,
        error="",
        remedy="",
        failing_line=None,
        lease_until=None,
        attempt_started_at=None,
        finished_at=None,
        held_until=opening(run.plan),
    )
    run.refresh_from_db()
    give_passwords(actor, run.plan, passwords)
    replica = run.plan.replica
    if run.plan.action == PlanAction.INSTALL:
        stopped = {"state__in": (ReplicaState.FAILED, ReplicaState.CANCELLED)}
        claim(replica, stopped, state=ReplicaState.APPROVED)
    after = {"state": run.state, "attempt": run.attempt}
    audit.record(actor, "run:retry", run, before=before, after=after, reason=reason)
    transaction.on_commit(lambda: execute(run.pk))


def _require_same_certificates(run: Run, given: Mapping[str, str]) -> None:
    """Raises ValidationError by name."""
    options = run.plan.frozen_job().options
    wrong: dict[str, str] = {}
    for name in UPLOADS:
        if name in given and read([(name, given[name].encode())]).described() != getattr(options, name):
            wrong[name] = _("This is not the certificate, with its chain, that the plan was approved with.")
    if wrong:
        raise ValidationError(wrong)


def _require_same_policy(run: Run) -> None:
    """An approval holds under the policy that it was given under, and not for a plan that is void. Raises Conflict."""
    job, realm = run.plan.frozen_job(), run.plan.replica.master.realm
    needless = run.plan.action == PlanAction.REVOKE or Bypass.objects.filter(run__plan=run.plan).exists()
    if run.plan.state == PlanState.VOID or not needless and policy_of(realm, job) != job.policy:
        raise Conflict(
            _("The policy for approvals in %(realm)s was changed since the plan was approved.") % {"realm": realm},
            _("Undo what was done, if there is something, and ask for the same again: it is approved anew."),
        )


def _require_newest(run: Run) -> None:
    """What a later run found or took back, an older one knows nothing of. Raises Conflict."""
    later = Run.objects.filter(plan__replica=run.plan.replica_id, pk__gt=run.pk)
    # The revocation of its bundle is written into its own facts: another bundle is sealed.
    if later.exclude(plan__action=PlanAction.REVOKE).exists():
        raise Conflict(
            _("A later run has worked on %(host)s since.") % {"host": run.plan.replica.hostname},
            _("Look at the newest run; what is still wanted is asked for anew."),
        )

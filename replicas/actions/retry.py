"""Retry a run from the step that it stopped at: what is done already is checked, and not done again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.alone import require_alone
from replicas.actions.approve import opening
from replicas.actions.claim import claim
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.actions.host_keys import require_pinned
from replicas.actions.replica_states import require_state_for_retry
from replicas.actions.undo import require_childless
from replicas.choices import REPLICA_ENDED, REPLICA_UNFINISHED, PlanAction, PlanState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle.inheritance import inherited
from replicas.lifecycle.job import JSON, UPLOADS
from replicas.lifecycle.known_servers import require_own_host
from replicas.lifecycle.order import hold
from replicas.lifecycle.undo import to_begin_with
from replicas.lifecycle.voiding import ask_again, policy_of
from replicas.models import Run
from replicas.models.runs import never_began
from replicas.permissions import Actor, require
from replicas.tasks import execute
from replicas.uploads.reading import read
from replicas.uploads.together import authorities

STOPPED = (RunState.FAILED, RunState.CANCELLED)


@transaction.atomic
def retry(
    actor: Actor,
    run: Run,
    reason: str = "",
    passwords: Mapping[str, str] = NONE,
    proved: Collection[str] = frozenset(),
) -> None:
    """Queue the run again, with passwords and uploaded certificates for it alone (by name).

    `proved` are the names of those passwords that the realm has just accepted.

    Raises NotAllowed, ValidationError for another certificate than the approved one, Conflict when it has not stopped
    or another run works on the replica.
    """
    require(actor, "retry", run)
    _require_same_certificates(run, passwords)
    hold(run.plan.replica_id)
    now = _as_it_is(run)
    if now.state in STOPPED:
        require_alone(now.plan.replica)
        _require_possible(now)
    before = {"state": now.state, "attempt": now.attempt, "error": now.error}
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
        held_until=None if _needs_no_approval(now) else opening(now.plan),
        facts=_what_is_known(now),
    )
    run.refresh_from_db()
    give_passwords(actor, run.plan, passwords, proved)
    replica = run.plan.replica
    if run.plan.action == PlanAction.INSTALL:
        claim(replica, {"state__in": REPLICA_UNFINISHED}, state=ReplicaState.APPROVED)
    after = {"state": run.state, "attempt": run.attempt}
    if run.held:
        after["held_until"] = run.held.isoformat()
    audit.record(actor, "run:retry", run, before=before, after=after, reason=reason)
    transaction.on_commit(lambda: execute(run.pk))


def obstacle(run: Run) -> Conflict | None:
    """Return why a run that has stopped cannot be retried as it was approved, as far as its own rows say it."""
    try:
        _require_as_approved(run)
    except Conflict as error:
        return error
    return None


def _require_as_approved(run: Run) -> None:
    """Raises Conflict."""
    _require_standing(run)
    require_pinned(run.plan)
    _require_same_policy(run)


def _require_possible(run: Run) -> None:
    """Raises Conflict."""
    _require_newest(run)
    _require_as_approved(run)
    require_own_host(run.plan, run.facts)
    if run.plan.removes:
        require_childless(run.plan.replica)


def _as_it_is(run: Run) -> Run:
    """Read while nobody else changes it: what a page read of its hosts and its state may be otherwise by now."""
    hosts = ("host_key", "master__realm", "master__host_key")
    return Run.objects.select_related(*(f"plan__replica__{name}" for name in hosts)).get(pk=run.pk)


def _require_same_certificates(run: Run, given: Mapping[str, str]) -> None:
    """Raises ValidationError by name."""
    options = run.plan.frozen_job().options
    wrong: dict[str, str] = {}
    trusted = authorities(run.plan.replica.master.realm)
    for name in UPLOADS:
        if name not in given:
            continue
        if read([(name, given[name].encode())], trusted=trusted).described() != getattr(options, name):
            wrong[name] = _("This is not the certificate, with its chain, that the plan was approved with.")
    if wrong:
        raise ValidationError(wrong)


def _require_same_policy(run: Run) -> None:
    """An approval holds under the policy that it was given under. Raises Conflict."""
    job, realm = run.plan.frozen_job(), run.plan.replica.master.realm
    if not _needs_no_approval(run) and policy_of(realm, job) != job.policy:
        raise Conflict(
            _("The policy for approvals in %(realm)s was changed since the plan was approved.") % {"realm": realm},
            ask_again(run.plan.action),
        )


def _needs_no_approval(run: Run) -> bool:
    """It was broken the glass for, or it only takes away: then it waits for no window either."""
    return run.plan.action == PlanAction.REVOKE or hasattr(run, "bypass")


def _require_standing(run: Run) -> None:
    """Neither a plan that is void nor a request that has ended is taken up by a retry. Raises Conflict."""
    replica = run.plan.replica
    if run.plan.state == PlanState.VOID:
        raise Conflict(_("The plan is void. %(why)s") % {"why": run.error}, ask_again(run.plan.action))
    if run.plan.action == PlanAction.INSTALL and replica.state in REPLICA_ENDED:
        raise Conflict(
            _("%(host)s is in another state: %(state)s.")
            % {"host": replica.hostname, "state": replica.get_state_display()},
            _("Request it again: the plan is approved anew."),
        )
    require_state_for_retry(run.plan, replica)


def _what_is_known(run: Run) -> dict[str, JSON]:
    """A run that never began knows what its plan inherits now: what it was told when it was queued may be stale."""
    if Run.objects.filter(never_began(), pk=run.pk).exists():
        return inherited(run.plan)
    return to_begin_with(run.facts)


def overtaken(run: Run) -> bool:
    """Whether another run has worked on the replica since: a later one, or an earlier one that was tried again.

    A revocation is none of these: it is written into the facts of the bundle's own run, so that another one is sealed.
    """
    others = Run.objects.filter(~never_began(), plan__replica=run.plan.replica_id).exclude(pk=run.pk)
    # An older portal's worker does not note when an attempt began.
    timed = others.alias(began=Coalesce("attempt_started_at", "finished_at"))
    since = timed.filter(Q(pk__gt=run.pk) | Q(began__gt=run.created_at))
    return since.exclude(plan__action=PlanAction.REVOKE).exists()


def _require_newest(run: Run) -> None:
    """What a later run found or took back, an older one knows nothing of. Raises Conflict."""
    if overtaken(run):
        raise Conflict(
            _("A later run has worked on %(host)s since.") % {"host": run.plan.replica.hostname},
            _("Open the newest run. Request again what is still needed."),
        )

"""What the start and the end of a run mean for its replica, its bundle and the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from replicas import audit
from replicas.choices import PLANS_OF_REMOVAL, PlanAction, ReplicaState, RunState
from replicas.lifecycle import bundles
from replicas.lifecycle.credentials import wiping
from replicas.lifecycle.fencing import fenced
from replicas.lifecycle.job import Options
from replicas.lifecycle.lease import Lease
from replicas.lifecycle.undo import REMOVAL_BEGUN
from replicas.models import AuditEvent, Master, Replica, Run
from replicas.models.runs import never_began
from replicas.permissions import Actor
from replicas.realm_rules import OF_DNS

OF_AUTHORITY = ("pki_config_override", "token_name", "token_library_path", "token_password_file")
VERBS = {RunState.SUCCEEDED: "run:succeed", RunState.FAILED: "run:fail", RunState.CANCELLED: "run:cancelled"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; an error is worded for people and holds no secret."""

    state: RunState
    error: str = ""
    remedy: str = ""


def begin(run: Run, lease: Lease) -> None:
    """Note that the run is being worked on. Raises LeaseLost."""
    with fenced(lease.run_id, lease.fence):
        after = {"state": RunState.RUNNING, "attempt": run.attempt, "fence": lease.fence}
        audit.record(Actor.system(), "run:start", run, before={"state": RunState.QUEUED}, after=after)
        if run.plan.action == PlanAction.INSTALL:
            _change(run.plan.replica, "replica:change", {"state": ReplicaState.RUNNING})
        elif run.plan.action in PLANS_OF_REMOVAL:
            _change(run.plan.replica, "replica:change", {"state": ReplicaState.REMOVING})


def end(run: Run, lease: Lease, outcome: Outcome, failing: int | None = None) -> None:
    """The last write of a run, all in one transaction; `failing` is the log line that says why. Raises LeaseLost."""
    with wiping(run, lease), fenced(lease.run_id, lease.fence, **_ended(outcome, failing)):
        after = {"state": outcome.state, "error": outcome.error}
        reason = ""
        if outcome.state == RunState.CANCELLED:
            after["stopped_by"] = Run.objects.values_list("cancel_requested_by", flat=True).get(pk=run.pk)
            reason = stop_reason(run, after["stopped_by"])
        before = {"state": RunState.RUNNING}
        audit.record(Actor.system(), VERBS[outcome.state], run, before=before, after=after, reason=reason)
        if outcome.state == RunState.SUCCEEDED:
            _succeeded(run)
        else:
            _unfinished(run, outcome.state)


def stop_reason(run: Run, who: str) -> str:
    """Return the reason that the user `who` gave for stopping the run; empty when no user stopped it."""
    requests = AuditEvent.objects.filter(kind="run", object_id=str(run.pk), verb="run:cancel", actor=who)
    return (requests.order_by("-pk").values_list("reason", flat=True).first() or "") if who else ""


def end_barely(lease: Lease, outcome: Outcome) -> None:
    """The state alone, when not even the history can be written: people see it, and can try again. Raises LeaseLost."""
    begun = (ReplicaState.APPROVED, ReplicaState.RUNNING, ReplicaState.REMOVING)
    with fenced(lease.run_id, lease.fence, **_ended(outcome)):
        replica = Replica.objects.filter(plans__runs=lease.run_id, state__in=begun)
        removal = Run.objects.filter(pk=lease.run_id, plan__action=PlanAction.REMOVE)
        if removal.exclude(facts__has_key=REMOVAL_BEGUN).exists():
            replica.filter(verified_at__isnull=False).update(state=ReplicaState.VERIFIED)
        replica.update(state=_state(outcome.state))


def _ended(outcome: Outcome, failing: int | None = None) -> dict[str, Any]:
    return {
        "state": outcome.state,
        "error": outcome.error,
        "remedy": outcome.remedy,
        "failing_line": failing if outcome.state == RunState.FAILED else None,
        "finished_at": timezone.now(),
        "lease_until": None,
        "takeovers": 0,
    }


def _unfinished(run: Run, state: RunState) -> None:
    """Stopped in the middle, too: the host is no longer blank, so its name must not become free."""
    replica, action = run.plan.replica, run.plan.action
    began = not Run.objects.filter(never_began(), pk=run.pk).exists()
    if action == PlanAction.INSTALL:
        _change(replica, "replica:change", {"state": _state(state) if began else ReplicaState.CANCELLED})
    elif action in PLANS_OF_REMOVAL:
        facts = Run.objects.values_list("facts", flat=True).get(pk=run.pk)
        untouched = action == PlanAction.REMOVE and not facts.get(REMOVAL_BEGUN)
        if untouched and replica.verified_at is not None:
            _change(replica, "replica:change", {"state": ReplicaState.VERIFIED})
        else:
            _change(replica, "replica:change", {"state": _state(state) if began else _before(run)})


def _state(ended: str) -> ReplicaState:
    """The state of a replica whose run ended halfway, in that state (RunState)."""
    return ReplicaState.STOPPED if ended == RunState.CANCELLED else ReplicaState.FAILED


def _before(run: Run) -> ReplicaState:
    """What the replica was before a removal that never began: failed or stopped, as its newest run before says."""
    others = Run.objects.filter(~never_began(), plan__replica=run.plan.replica_id).exclude(pk=run.pk)
    last = others.exclude(plan__action=PlanAction.REVOKE).order_by("-finished_at", "-pk")
    return _state(last.values_list("state", flat=True).first() or RunState.FAILED)


def _succeeded(run: Run) -> None:
    replica, options = run.plan.replica, run.plan.frozen_job().options
    if run.plan.action == PlanAction.INSTALL:
        _change(replica, "replica:change", {"state": ReplicaState.VERIFIED, "verified_at": timezone.now()})
    elif run.plan.action in PLANS_OF_REMOVAL:
        _removed(replica)
    elif changes := became(run.plan.action, options):
        _change(replica, "replica:change", changes)
        if changes.get("setup_ca"):
            _masters_with_authority(replica)


def _masters_with_authority(replica: Replica) -> None:
    """A replica that replicas are made from can have its authority copied, too, from now on."""
    for master in Master.objects.filter(hostname=replica.hostname):
        _change(master, "master:change", {"ca": True})


def became(action: str, options: Options) -> dict[str, Any]:
    """What a later change (PlanAction) makes of the request, so that the row says what the replica is."""
    if action == PlanAction.DNS:
        return {
            "setup_dns": True,
            "forwarders": list(options.forwarders),
            "no_forwarders": options.no_forwarders,
            "forward_policy": options.forward_policy,
            "no_dnssec_validation": options.no_dnssec_validation,
            **{name: _stored(getattr(options, name)) for name in OF_DNS},
        }
    if action == PlanAction.CA:
        return {"setup_ca": True} | {name: _stored(getattr(options, name)) for name in OF_AUTHORITY}
    if action == PlanAction.KRA:
        return {"setup_kra": True}
    if action in (PlanAction.HIDE, PlanAction.UNHIDE):
        return {"hidden_replica": action == PlanAction.HIDE}
    return {}


def _stored(value: Any) -> Any:
    """As the columns have it that only some realms use: nothing for what was not asked for."""
    return (list(value) if isinstance(value, tuple) else value) or None


def _removed(replica: Replica) -> None:
    """Its certificates are revoked with its bundle, and nothing is made from it any more.

    A reason to remove what an earlier replica left was about that one: a request that is made again has none.
    """
    reason = {"leftovers_reason": None} if replica.leftovers_reason else {}
    _change(replica, "replica:change", {"state": ReplicaState.REMOVED, "verified_at": None, **reason})
    bundles.end(replica)
    for master in Master.objects.filter(hostname=replica.hostname, replicas=None):
        audit.record(Actor.system(), "master:unregister", master, before={"hostname": master.hostname})
        master.delete()


def _change(row: Replica | Master, verb: str, changes: dict[str, Any]) -> None:
    before = {name: getattr(row, name) for name in changes}
    if before == changes:
        return
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    audit.record(Actor.system(), verb, row, before=_plain(before), after=_plain(changes))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}

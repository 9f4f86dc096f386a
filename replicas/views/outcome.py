"""What runs found out, as the pages of runs and replicas show it: with run and time, and only while it holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from replicas.choices import PLANS_OF_REMOVAL, REPLICA_UNFINISHED, PlanAction, ReplicaState, RunState
from replicas.lifecycle.run_end import CLAIMED
from replicas.lifecycle.undo import REMOVAL_BEGUN
from replicas.models import Replica, Run

FINDINGS = ("proofs", "missing_records")
"""Facts."""
PROGRESS = (REMOVAL_BEGUN, CLAIMED)
"""Facts that tell how far a run came."""
LOOKED = ~Q(plan__action=PlanAction.REVOKE) & (~Q(plan__action__in=PLANS_OF_REMOVAL) | Q(state=RunState.SUCCEEDED))
"""Of runs: what a revocation and an unfinished removal know, they were told by the runs before them."""
EARLIER = 5
"""So many runs with proofs that no longer count are listed."""


class Found(NamedTuple):
    """What one run found, and when it ended."""

    run: Run
    at: datetime | None
    lines: list[str]


def outcome(replica: Replica, runs: Iterable[Run], page: Run | None) -> dict[str, Any]:
    """Return the context of runs/outcome.html for the page of a replica, whose run under way or newest run is `page`.

    `proofs` hold now; `earlier_proofs` are those of other runs, which may not hold any more; `records` are the DNS
    records that are missing, by the newest run that looked. `runs` are those of `plans_of`, or any with their facts.
    """
    ordered = sorted(runs, key=lambda run: (run.finished_at is None, run.finished_at or run.created_at, run.pk))
    proofs = _present(replica, ordered)
    proven = [found for run in reversed(ordered) if (found := proofs_of(run)) and found != proofs]
    removing = page is not None and page.plan.removes
    installed = replica.state == ReplicaState.VERIFIED or (replica.state in REPLICA_UNFINISHED and not removing)
    missing = _missing(ordered) if installed else None
    return {
        "proofs": proofs,
        "earlier_proofs": proven[:EARLIER],
        "missing": missing,
        "records": missing.lines if missing else [],
    }


def of_run(run: Run, replica: Replica, superseded: bool) -> dict[str, Any]:
    """Return the same for the page of one run: what it found itself, which holds unless it is superseded."""
    found = outcome(replica, [run], run)
    own = proofs_of(run)
    return found | {
        "proofs": None if superseded else found["proofs"],
        "earlier_proofs": [own] if own and (superseded or not found["proofs"]) else [],
        "records": [] if superseded else found["records"],
    }


def proofs_of(run: Run) -> Found | None:
    """Return what a run proved; one that did not succeed has proved nothing that lasts."""
    lines = known(run).get("proofs") if run.state == RunState.SUCCEEDED and looked(run) else None
    return Found(run, run.finished_at, lines) if lines else None


def looked(run: Run) -> bool:
    """The same as LOOKED."""
    action = run.plan.action
    return action != PlanAction.REVOKE and (action not in PLANS_OF_REMOVAL or run.state == RunState.SUCCEEDED)


def _present(replica: Replica, ordered: list[Run]) -> Found | None:
    """Of the newest run with proofs, if it and every run that changed something since have succeeded."""
    for run in reversed(ordered):
        if _changed_nothing(run):
            continue
        if run.state != RunState.SUCCEEDED:
            return None
        of_removal = run.plan.removes
        if of_removal != (replica.state == ReplicaState.REMOVED):
            return None
        if found := proofs_of(run):
            return found if of_removal or replica.state == ReplicaState.VERIFIED else None
    return None


def _changed_nothing(run: Run) -> bool:
    """A revocation, a run that waits or was stopped before its first step, and a removal before its first change."""
    if run.plan.action == PlanAction.REVOKE or run.started_at is None:
        return True
    began = vars(run).get("began", True)
    ended = run.state in (RunState.FAILED, RunState.CANCELLED)
    return not began or (run.plan.action == PlanAction.REMOVE and ended and not known(run).get(REMOVAL_BEGUN))


def _missing(ordered: list[Run]) -> Found | None:
    for run in reversed(ordered):
        lines = known(run).get("missing_records")
        if looked(run) and lines is not None:
            return Found(run, run.finished_at, lines)
    return None


def known(run: Run) -> dict[str, Any]:
    """What the run found is an attribute of its own where it was read without its facts."""
    return vars(run).get("facts") or vars(run)

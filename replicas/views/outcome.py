"""What runs found out, as the pages of runs and replicas show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from replicas.choices import PLANS_OF_REMOVAL, PlanAction, RunState
from replicas.models import Run

FINDINGS = ("proofs", "missing_records")
"""Facts."""
LOOKED = ~Q(plan__action=PlanAction.REVOKE) & (~Q(plan__action__in=PLANS_OF_REMOVAL) | Q(state=RunState.SUCCEEDED))
"""Of runs: what a revocation and an unfinished removal know, they were told by the runs before them."""


def outcome(runs: Iterable[Run]) -> dict[str, Any]:
    """Proofs, and the DNS records that are still missing, by the newest run that looked: for runs/outcome.html.

    What a run found is an attribute of its own where it was read without its facts.
    """
    found: dict[str, Any] = {}
    for run in sorted(runs, key=lambda run: run.pk):
        known = vars(run).get("facts") or vars(run)
        if looked(run):
            found |= {name: known[name] for name in FINDINGS if known.get(name) is not None}
    return {"proofs": found.get("proofs", []), "records": found.get("missing_records", [])}


def looked(run: Run) -> bool:
    """The same as LOOKED."""
    action = run.plan.action
    return action != PlanAction.REVOKE and (action not in PLANS_OF_REMOVAL or run.state == RunState.SUCCEEDED)

"""What a run has to know of the runs before it: to take something back, one needs to know what was done."""

from __future__ import annotations

from replicas.choices import PLANS_OF_REMOVAL, PlanAction, RunState
from replicas.lifecycle.job import JSON
from replicas.lifecycle.undo import UNDONE
from replicas.models import Plan, Run
from replicas.models.runs import never_began

LOOKING_BACK = (*PLANS_OF_REMOVAL, PlanAction.REVOKE)


def inherited(plan: Plan) -> dict[str, JSON]:
    """The facts that a new run of the plan starts with: of all runs since the host was blank; none to install.

    Lists add up, as several runs set files aside and add records; of anything else the last word counts. Of a
    revocation only what no other run speaks of: the rest it had from the installation, which may have gone on since.
    """
    if plan.action not in LOOKING_BACK:
        return {}
    revocations: dict[str, JSON] = {}
    facts: dict[str, JSON] = {}
    for run in _since_blank(plan):
        if run.plan.action == PlanAction.REVOKE:
            revocations |= run.facts
        else:
            _add(facts, run.facts)
    return revocations | facts


def _add(facts: dict[str, JSON], more: dict[str, JSON]) -> None:
    for key, value in more.items():
        if key == UNDONE:  # What one removal has undone, the next one looks at again.
            continue
        before = facts.get(key)
        if isinstance(before, list) and isinstance(value, list):
            facts[key] = before + [one for one in value if one not in before]
        else:
            facts[key] = value


def _since_blank(plan: Plan) -> list[Run]:
    """Without those that never began: what they know is older than what their places in the order say."""
    runs: list[Run] = []
    every = Run.objects.filter(~never_began(), plan__replica=plan.replica_id)
    for run in every.select_related("plan").order_by("pk"):
        removed = run.plan.action in PLANS_OF_REMOVAL and run.state == RunState.SUCCEEDED
        runs = [] if removed else [*runs, run]
    return runs

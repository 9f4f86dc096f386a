"""What a run has to know of the runs before it: to take something back, one needs to know what was done."""

from __future__ import annotations

from replicas.choices import PLANS_OF_REMOVAL, PlanAction, RunState
from replicas.lifecycle.job import JSON
from replicas.lifecycle.undo import UNDONE
from replicas.models import Plan, Run

LOOKING_BACK = (*PLANS_OF_REMOVAL, PlanAction.REVOKE)


def inherited(plan: Plan) -> dict[str, JSON]:
    """The facts that a new run of the plan starts with: of all runs since the host was blank; none to install.

    Lists add up, as several runs set files aside and add records; of anything else the last word counts.
    """
    if plan.action not in LOOKING_BACK:
        return {}
    facts: dict[str, JSON] = {}
    for run in _since_blank(plan):
        for key, value in run.facts.items():
            if key == UNDONE:  # What one removal has undone, the next one looks at again.
                continue
            before = facts.get(key)
            if isinstance(before, list) and isinstance(value, list):
                facts[key] = before + [one for one in value if one not in before]
            else:
                facts[key] = value
    return facts


def _since_blank(plan: Plan) -> list[Run]:
    runs: list[Run] = []
    for run in Run.objects.filter(plan__replica=plan.replica_id).select_related("plan").order_by("pk"):
        removed = run.plan.action in PLANS_OF_REMOVAL and run.state == RunState.SUCCEEDED
        runs = [] if removed else [*runs, run]
    return runs

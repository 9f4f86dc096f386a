"""What an act on a replica is about, and what kinds of acts there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.forms import BaseForm

from replicas.actions.give_passwords import lacking, missing_passwords
from replicas.actions.retry import STOPPED, obstacle, overtaken
from replicas.choices import RUN_ACTIVE, PlanAction, PlanState
from replicas.errors import Conflict
from replicas.models import Plan, Replica, Run
from replicas.permissions import Actor
from replicas.views.newest import ASIDE, plans_of, rank
from replicas.views.outcome import outcome


class Subject:
    """A replica with its newest plans and the run that matters; `asked` is a run whose own page it is."""

    def __init__(self, replica: Replica, asked: Run | None = None) -> None:
        self.replica, self.asked = replica, asked

    @cached_property
    def plans(self) -> list[Plan]:
        """As `plans_of`."""
        return plans_of(self.replica)

    @property
    def plan(self) -> Plan | None:
        return self.plans[0] if self.plans else None

    @cached_property
    def run(self) -> Run | None:
        """The one under way; or else the newest, but neither a revocation nor one that never began if there is another.

        Those change nothing of what the run before them came to, and that one can be tried again.
        """
        return min(self._runs, key=lambda run: (rank(run), -run.pk), default=None)

    @property
    def elsewhere(self) -> bool:
        """Whether the page is that of a run that matters less."""
        return self.asked is not None and self.asked != self.run

    @cached_property
    def stopped(self) -> Run | None:
        """The run that can be tried again: that of the page, or else one that was set aside."""
        if self.runs:
            return None
        if self.asked is not None and self.elsewhere:
            return self.asked if _waits_for_retry(self.asked) and not overtaken(self.asked) else None
        if self.run is None or _waits_for_retry(self.run):
            return self.run
        last = max((run for run in self._runs if rank(run) == ASIDE), key=lambda run: run.pk, default=None)
        return last if last is not None and _waits_for_retry(last) and not overtaken(last) else None

    def superseded(self, run: Run) -> bool:
        """Whether another run has worked on the replica since: what that run left is not its state any more."""
        return run != self.run and run != self.stopped

    @cached_property
    def obstacle(self) -> Conflict | None:
        """Why the run that has stopped cannot be tried again as it was approved."""
        return obstacle(self.stopped) if self.stopped else None

    @cached_property
    def findings(self) -> dict[str, Any]:
        """As `outcome`."""
        return outcome(self.replica, self._runs, self.run)

    @cached_property
    def _runs(self) -> list[Run]:
        return [run for plan in self.plans for run in plan.runs.all()]

    @property
    def waits(self) -> bool:
        return self.plan is not None and self.plan.state == PlanState.WAITING

    @property
    def runs(self) -> bool:
        return self.run is not None and self.run.state in RUN_ACTIVE

    @cached_property
    def missing(self) -> list[str]:
        """Passwords (CredentialName) that a run would lack."""
        plan = self.stopped.plan if self.stopped else self.plan
        return missing_passwords(plan) if plan else []

    def lacks(self, action: PlanAction | None) -> list[str]:
        """The same of a new plan; of none in particular, those of the newest one."""
        return lacking(self.replica, action) if action else self.missing

    @property
    def idle(self) -> bool:
        return not self.waits and not self.runs


def _waits_for_retry(run: Run) -> bool:
    return run.state in STOPPED and run.plan.state == PlanState.APPROVED


class Bound(NamedTuple):
    """A form that was sent and not accepted."""

    name: str
    form: BaseForm


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of action on a replica."""

    verb: str
    form: Callable[..., BaseForm]
    offered: Callable[[Subject], bool]
    do: Callable[[Actor, Subject, dict[str, Any]], object]
    label: Any
    help: Any
    symbol: str
    style: str = "btn-quiet"
    thanks: Any = ""
    words: Callable[[Subject], tuple[Any, Any] | None] = lambda subject: None
    """Label and help where those above do not fit what the replica or its run is now."""
    action: PlanAction | None = None
    """Of the plan that it makes, where that needs other passwords than the one before."""
    about: Callable[[Subject], Plan | Run | None] = lambda subject: subject.plan
    """What it is done to: with some, it matters whose that is."""

    @property
    def plans(self) -> bool:
        """Whether it makes a plan, which is looked at before it is submitted."""
        return self.verb == "request"
